"""Intake's own settings. Keys are base64 of 32 bytes; the local launcher makes them at first start."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

KEY_BYTES = 32
_EXAMPLE = "(base64 of 32 random bytes: openssl rand -base64 32)"


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
    return secret


Key = Annotated[SecretStr, AfterValidator(_one_key)]


class IntakeSettings(ServiceSettings):
    """What only intake needs."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore")

    port: int = Field(default=8001, ge=1, le=65535, examples=[8001])
    master_key: Key = Field(examples=[_EXAMPLE])
    """Wraps the key of every new report."""
    retired_master_keys: tuple[Key, ...] = Field(default=(), examples=['["(base64)"]'])
    """Older master keys, for reports not yet wrapped anew. A JSON list."""
    receipt_key: Key = Field(examples=[_EXAMPLE])
    """Derives report ids and receipts. Must never change: receipts given out would no longer be recognised."""
    signing_key: Key = Field(examples=[_EXAMPLE])
    """Ed25519 seed that signs proofs of lodging."""
    queue_limit: int = Field(default=2000, ge=1, le=100_000, examples=[2000])
    """Reports that may wait for the store; the next one is told 503 and the phone numbers."""
    status_questions_per_minute: int = Field(default=30, ge=1, le=10_000, examples=[30])
    """How often one network may ask for a receipt's status; a wrong receipt counts three times."""
