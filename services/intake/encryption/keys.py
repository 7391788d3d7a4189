"""Keyed digests: one secret, a purpose each, so that what is stored says nothing to whoever has no key. Pure."""

import hashlib
import hmac


class KeyedDigests:
    """HMACs under one secret, separated by purpose."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: 32 bytes that must never change, or receipts and repeats are no longer recognised."""
        self._secret = secret

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """HMAC-SHA256 of the parts, 32 bytes, for one purpose; parts cannot run into each other."""
        digest = hmac.new(self._secret, f"ieum intake {purpose}".encode(), hashlib.sha256)
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()
