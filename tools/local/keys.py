"""Secrets for local use: made once, kept in a file only its owner can read, never in version control."""

import base64
import json
import secrets
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from shared.audit.chain import service_secret
from shared.audit.model import SERVICES as AUDITED
from shared.identity.keys import public_root_of
from tools.local.certificates import write_secret

FILE = "secrets.env"
_KEY_BYTES = 32
_ALIKE = 0.9
"""So like another is a name that was mistyped: one letter or two; names of different keys differ by more."""
HOOK_KEY = "IEUM_LOCAL_HOOK_KEY"
"""Signs webhooks to the mailbox on this machine, which has it too."""
ROOT, PUBLIC_ROOTS = "IDENTITY_ROOT_KEY", "IEUM_IDENTITY_ROOT_KEYS"
"""Identity's root key, and the public half that every service is given; others may stand beside it, comma-separated."""
VERIFIER = "IEUM_AUDIT_VERIFIER_KEY"
"""Proves the audit of all services. No service has it; the key of each is derived from it."""
AUDIT_KEYS = {service: f"{service.upper()}_AUDIT_KEY" for service in AUDITED}
"""The audit key of each service, by its name."""
KEYS = (
    "INTAKE_MASTER_KEY",
    "INTAKE_RECEIPT_KEY",
    "INTAKE_LINK_KEY",
    "INTAKE_SIGNING_KEY",
    "IDENTITY_MASTER_KEY",
    "IDENTITY_ACCOUNT_KEY",
    ROOT,
    "IEUM_TICKET_KEY",
    "IEUM_DIRECTORY_KEY",
    VERIFIER,
    HOOK_KEY,
    *AUDIT_KEYS.values(),
)
"""Made at the first start; one that an older file lacks is added."""
READING = (
    "INTAKE_MASTER_KEY",
    "INTAKE_RECEIPT_KEY",
    "INTAKE_LINK_KEY",
    "IDENTITY_MASTER_KEY",
    "IDENTITY_ACCOUNT_KEY",
)
"""Those without which nothing stored can be read or found again; every release has them."""
RETIRED = "INTAKE_RETIRED_MASTER_KEYS"
"""Master keys that still open reports: in the file only while a rotation runs (JSON list)."""
LATER = "INTAKE_LATER_RECEIPT_KEYS"
"""Keys that took the place of the one before for new receipts, newest first (JSON list); none may ever go."""
_HEAD = "# Made for local use at the first start. Whoever reads this reads every report stored here. Do not share.\n"


class SecretsError(Exception):
    """The secrets file cannot be trusted or read; the text says what to do."""


def ensure(folder: Path) -> dict[str, str]:
    """Read the secrets of a folder, making those that are missing. Raises SecretsError if others may read them."""
    path = folder / FILE
    found = read(path) if path.exists() else {}
    _refuse_mistyped(path, found)
    wanted = found | {name: new_key() for name in KEYS if name not in (*found, *AUDIT_KEYS.values())}
    for name in (ROOT, VERIFIER):
        _refuse_unless_key(name, wanted[name])
    wanted |= {name: own_audit_key(wanted[VERIFIER], service) for service, name in AUDIT_KEYS.items()}
    wanted[PUBLIC_ROOTS] = _with_public_root(wanted.get(PUBLIC_ROOTS, ""), wanted[ROOT])
    if wanted != found:
        write(folder, wanted)
    return wanted


def read(path: Path) -> dict[str, str]:
    """Read a secrets file: ``NAME=value`` lines."""
    if path.stat().st_mode & 0o077:
        raise SecretsError(f"{path} can be read by others: run chmod 600 {path}")
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise SecretsError(
                    f"{path}: line {number} is not NAME=value; found {len(line)} characters (not shown); expected a"
                    " line such as INTAKE_MASTER_KEY=…: mend it; a key that is lost takes with it what it opens"
                )
            found[name.strip()] = value.strip()
    return found


def _refuse_mistyped(path: Path, found: Mapping[str, str]) -> None:
    """Raises ``SecretsError`` where a key is missing and stands there misspelt: a new one would open nothing stored."""
    unknown = found.keys() - {*KEYS, PUBLIC_ROOTS, RETIRED, LATER}
    for name in KEYS:
        if name not in found and (near := get_close_matches(name, unknown, n=1, cutoff=_ALIKE)):
            raise SecretsError(
                f"{path}: {name} is missing; found {near[0]}, which is no name known here; expected {name}=…: mend the"
                " name. With a new key nothing stored could be read"
            )


def _refuse_unless_key(name: str, value: str) -> None:
    try:
        length = len(base64.b64decode(value, validate=True))
    except ValueError:
        length = 0
    if length != _KEY_BYTES:
        raise SecretsError(
            f"setting {name} in {FILE}: is no key; found {len(value)} characters (not shown); expected base64 of"
            f" {_KEY_BYTES} bytes, as it was made; example: {name}=(openssl rand -base64 32)"
        )


def with_new_master_key(found: Mapping[str, str]) -> dict[str, str]:
    """The same secrets with a new master key for reports; the one until now is among the retired, which still open."""
    retired = [found["INTAKE_MASTER_KEY"], *retired_of(found)]
    return {**found, "INTAKE_MASTER_KEY": new_key(), RETIRED: json.dumps(retired)}


def without_retired(found: Mapping[str, str]) -> dict[str, str]:
    """The same secrets with nothing but the master key in use."""
    return {name: value for name, value in found.items() if name != RETIRED}


def with_new_receipt_key(found: Mapping[str, str]) -> dict[str, str]:
    """The same secrets with a new key for receipts; those before it go on recognising theirs."""
    return {**found, LATER: json.dumps([new_key(), *_listed(found, LATER)])}


def own_audit_key(verifier: str, service: str) -> str:
    """The audit key of a service."""
    return base64.b64encode(service_secret(base64.b64decode(verifier), service)).decode()


def retired_of(found: Mapping[str, str]) -> list[str]:
    """The retired master keys among some secrets, newest first. SecretsError if that is no list."""
    return _listed(found, RETIRED)


def _with_public_root(public: str, root: str) -> str:
    own = public_root_of(base64.b64decode(root))
    listed = [key.strip() for key in public.split(",") if key.strip()]
    return ",".join(listed if own in listed else [own, *listed])


def _listed(found: Mapping[str, str], name: str) -> list[str]:
    try:
        listed = json.loads(found.get(name, "[]"))
    except ValueError:
        listed = None
    if not isinstance(listed, list):
        raise SecretsError(f"{name} in {FILE} is not a JSON list")
    return [str(key) for key in listed]


def new_key() -> str:
    """Base64 of 32 random bytes."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def write(folder: Path, values: Mapping[str, str], *, file: str = FILE, head: str = _HEAD) -> None:
    """Replace the file as a whole; on disk when this returns."""
    write_private(folder / file, head + "".join(f"{name}={value}\n" for name, value in values.items()))


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, as a whole; on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_secret(path, text.encode())
