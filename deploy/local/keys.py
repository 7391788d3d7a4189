"""Secrets for local use: made once, kept in a file only its owner can read, never in version control."""

import base64
import os
import secrets
from pathlib import Path

FILE = "secrets.env"
_KEY_BYTES = 32
_TOKEN_BYTES = 16
KEYS = ("INTAKE_MASTER_KEY", "INTAKE_RECEIPT_KEY", "INTAKE_SIGNING_KEY")
TOKENS = ("IEUM_DEMO_TOKEN",)
_HEAD = "# Made for local use at the first start. Whoever reads this reads every report stored here. Do not share.\n"


class SecretsError(Exception):
    """The secrets file cannot be trusted or read; the text says what to do."""


def ensure(folder: Path) -> dict[str, str]:
    """Read the secrets of a folder, making those that are missing. Raises SecretsError if others may read them."""
    path = folder / FILE
    found = read(path) if path.exists() else {}
    missing = {name: _new(name) for name in (*KEYS, *TOKENS) if name not in found}
    if missing:
        found |= missing
        _write(path, found)
    return found


def read(path: Path) -> dict[str, str]:
    """Read a secrets file: ``NAME=value`` lines."""
    if path.stat().st_mode & 0o077:
        raise SecretsError(f"{path} can be read by others: run chmod 600 {path}")
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line.strip() and not line.startswith("#")]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004  # a name and a value
        raise SecretsError(f"{path} has a line that is not NAME=value; with no data to lose, delete it and start again")
    return {name.strip(): value.strip() for name, value in pairs}


def _new(name: str) -> str:
    if name in TOKENS:
        return secrets.token_hex(_TOKEN_BYTES)
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _write(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _HEAD + "".join(f"{name}={value}\n" for name, value in values.items())
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
