"""Who did, read or was refused what, when, from where and why: one chained log per service, in its own store.

``model`` is a line, ``chain`` the arithmetic that finds a changed, removed or reordered one, ``store`` writes and
reads, ``entries`` makes lines of requests, ``pages`` is the auditor's. ``python -m shared.audit verify`` proves it all.
"""
