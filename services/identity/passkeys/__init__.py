"""Passkeys (WebAuthn): a second factor that is of no use on another site."""
