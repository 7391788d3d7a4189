"""Authentication and permissions for every service: verified from published keys, without a call to the issuer.

``roles`` is the one table of permissions, ``principal`` a signed-in member of staff, ``tokens`` the signed tokens,
``keys`` the keys that verify them, ``source`` how a service gets the keys. Routes: ``shared.web.authorization``.
"""
