"""What routing does with what it reads.

``worker`` decides about reports and cases, ``ledger`` publishes and keeps memory equal to the log, ``loads`` knows how
busy every centre is, ``closing`` empties closed centres, ``copying`` writes the decisions to the store.
"""
