"""Every decision routing takes, as pure functions.

``rules`` holds the numbers, ``reach`` who is asked in which order, ``assign`` chooses a centre, ``stream`` turns
events into routing records.
"""
