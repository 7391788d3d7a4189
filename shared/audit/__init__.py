"""The audit log: who did, read or was refused what, when, from where and why. One hash chain per service and store.

``model`` is a line, ``chain`` the arithmetic that finds a changed, removed or reordered one, ``store`` writes and
reads, ``entries`` makes lines of requests, ``pages`` is the auditor's. ``ieum audit verify`` proves it all.
"""
