"""Who somebody is and what they may do: verified here for every service, from keys that notify signs with.

``roles`` is the one table of permissions, ``principal`` a person who is signed in, ``tokens`` their proof, ``keys``
what proofs are checked with, ``source`` how a service gets those. The doors of HTTP routes are in ``shared.web.gate``.
"""
