"""Watches escalation from outside: recomputes from the topics what should have happened, and alarms where it did not.

Written apart from it: nothing here imports rules, state or sending of escalation. The same rule stands here a second
time, in its own words; a test holds the two tables together.
"""
