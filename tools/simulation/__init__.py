"""Weeks of reports, simulated without a bus: what each version of the rule makes of a surge.

``params.json`` holds the figures and says which of them are assumptions, ``arrivals`` draws who reports when,
``running`` lets a rule decide hour by hour, ``figures`` says what it came to.
"""
