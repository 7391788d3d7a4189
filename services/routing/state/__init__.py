"""What a worker knows of each partition, on disk: a cache of the log that may be deleted at any moment.

``folder`` gives each process a folder of its own, ``store`` keeps one partition in it.
"""
