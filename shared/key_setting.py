"""Keys in settings: base64 of 32 random bytes, checked when they are read, never shown."""

import base64
import binascii
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr

KEY_BYTES: Final = 32
EXAMPLE: Final = "(base64 of 32 random bytes: openssl rand -base64 32)"


def key_bytes(secret: SecretStr) -> bytes:
    """The 32 bytes of a key setting."""
    return base64.b64decode(secret.get_secret_value(), validate=True)


def _one_key(secret: SecretStr) -> SecretStr:
    try:
        length = len(key_bytes(secret))
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if length != KEY_BYTES:
        raise ValueError(f"has {length} bytes instead of {KEY_BYTES}")
    if not any(key_bytes(secret)):
        raise ValueError("is all zero, which everybody knows")
    return secret


Key = Annotated[SecretStr, AfterValidator(_one_key)]
OptionalKey = Annotated[Key | None, BeforeValidator(lambda value: None if value == "" else value)]
"""Empty means unset, as an env file writes it."""
