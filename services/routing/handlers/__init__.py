"""What routing does with what it reads.

``worker`` decides about reports and cases, ``ledger`` publishes and keeps the state equal to the log, ``loads`` knows
how busy every centre is, ``restoring`` reads a partition anew whose sums are wrong.
"""
