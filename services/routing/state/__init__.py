"""State of each partition: a fold of a prefix of the log, never of intentions, kept on disk as a cache.

``report_states`` folds the records of one report, ``waiting`` lists whom nobody has answered yet, ``partition`` is the
state of a whole partition, ``recount`` adds the log up in another way. ``store`` keeps one partition on disk,
``folder`` gives each process a folder of its own, ``restore`` reads from the log what a store does not know yet.
``changelog`` publishes and keeps the state equal to the log, ``loads`` knows how busy every centre is, ``restorer``
reads a partition anew whose sums are wrong.
"""
