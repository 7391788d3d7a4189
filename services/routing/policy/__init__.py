"""Every decision routing takes, as pure functions.

Which centre: ``second_rule`` says it in paragraphs (begin there), with the numbers in ``rules``, what one centre can be
asked in ``hosts``, who is asked in which order in ``reach``, and why the others were not chosen in ``explaining``.
``assign`` is the door to it, also for deciding again. ``stream`` turns events into routing records.
"""
