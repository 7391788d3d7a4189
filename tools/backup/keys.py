"""The keys of backups, in a folder of their own: whoever has archive and keys reads everything.

One age key opens all archives. What changes from backup to backup lies in a folder named after the archive: the secrets
of the services, which are rotated, and the heads of the audit, which belong to what the store held then.
"""

import shutil
from pathlib import Path
from typing import Final

import pyrage  # type: ignore[import-untyped]  # says no types

from tools.local import keys
from tools.local.aside import put_aside
from tools.local.keys import SecretsError
from tools.local.settings import environment

PRIVATE, PUBLIC = "age.key", "recipient.txt"
HEADS: Final = "audit"
"""The heads of the audit, which the store must not hold alone."""

_DRAFT: Final = ".saving"


def has_any(folder: Path) -> bool:
    """Return whether there is a key of backups in a folder already."""
    return any((folder / name).exists() for name in (PRIVATE, PUBLIC))


def recipient(folder: Path) -> str:
    """The public key to encrypt to; made with its private half the first time.

    The private half may be taken away: backups go on, and whoever steals this machine opens none of them. One that is
    there alone is never replaced: archives of before would be lost with it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = folder / PUBLIC
    if not public.exists():
        if not (folder / PRIVATE).exists():
            keys.write_private(folder / PRIVATE, f"{pyrage.x25519.Identity.generate()}\n")
        keys.write_private(public, f"{pyrage.x25519.Identity.from_str(private(folder)).to_public()}\n")
    found = public.read_text(encoding="utf-8").strip()
    try:
        pyrage.x25519.Recipient.from_str(found)
    except pyrage.RecipientError as error:
        raise SecretsError(
            f"{public} holds no public key of age ({error}); expected one line, age1…; delete it, and the next backup"
            f" writes it anew from {PRIVATE}, which must lie there then"
        ) from error
    return found


def save(folder: Path, var: Path, backup: str) -> None:
    """Copy the secrets and heads of now beside the key, before this backup is taken: no head is later than it.

    They have their name once they are whole; what breaks off leaves none, or is removed by the next backup.
    """
    for left in folder.glob(f"*{_DRAFT}"):
        shutil.rmtree(left)
    draft = folder / f"{backup}{_DRAFT}"
    draft.mkdir(mode=0o700)
    try:
        if (var / keys.FILE).exists():
            keys.write_private(draft / keys.FILE, (var / keys.FILE).read_text(encoding="utf-8"))
        for head in (var / HEADS).glob("*.heads"):
            (draft / HEADS).mkdir(exist_ok=True, mode=0o700)
            keys.write_private(draft / HEADS / head.name, head.read_text(encoding="utf-8"))
        draft.rename(folder / backup)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def forget(folder: Path, backup: str) -> None:
    """Remove what ``save`` wrote: no archive needs it, so nobody would remove it with one, and old keys would stay."""
    shutil.rmtree(folder / backup, ignore_errors=True)


def private(folder: Path) -> str:
    """The key that opens archives. Raises ``SecretsError`` where it is not there, is none, or others may read it."""
    file = folder / PRIVATE
    if not file.is_file():
        raise SecretsError(f"{file} is not there: bring the key the backup was encrypted for (KEYS=folder)")
    if file.stat().st_mode & 0o077:
        raise SecretsError(f"{file} can be read by others: run chmod 600 {file}")
    # `age-keygen` writes comments beside the key.
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    found = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        pyrage.x25519.Identity.from_str(found)
    except pyrage.IdentityError as error:
        raise SecretsError(
            f"{file} holds no private key of age ({error}); expected a line AGE-SECRET-KEY-1…: bring the key the"
            " backup was encrypted for (KEYS=folder)"
        ) from error
    return found


def give_back_secrets(folder: Path, var: Path, backup: str) -> None:
    """Put the services' secrets where they are used. Raises ``SecretsError`` where other ones are there already."""
    saved, place = folder / backup / keys.FILE, var / keys.FILE
    if saved.is_file():
        if place.exists() and keys.read(place) != keys.read(saved):
            raise SecretsError(
                f"{place} holds other keys than {saved}: restore with an IEUM_VAR_DIR that has none, or move it away"
            )
        keys.write_private(place, saved.read_text(encoding="utf-8"))


def refuse_without_secrets(var: Path) -> None:
    """Raises ``SecretsError`` where the services' secrets are not there: new ones would be made, which open nothing."""
    wanted = [*(name for name in keys.KEYS if name != keys.HOOK_KEY), keys.PUBLIC_ROOTS]
    found = keys.read(var / keys.FILE) if (var / keys.FILE).exists() else {}
    if found:
        # A file of an earlier release lacks keys that came since; none can lack what its data was written with.
        wanted = [*keys.READING, keys.VERIFIER]
    missing = [name for name in wanted if not (found.get(name) or environment(name).get(name))]
    if missing:
        raise SecretsError(
            f"the keys of what was backed up are not here: bring the folder of keys that is named after the archive, or"
            f" write them to {var / keys.FILE} (NAME=value, chmod 600; for one: {missing[0]}): with others nothing that"
            " is restored can be read; nothing was changed"
        )


def give_back_heads(folder: Path, var: Path, backup: str) -> None:
    """Put the heads of the audit where they are used; those that are there are kept beside.

    Once the store is back and not before: later heads would miss the end of its audit for ever, and earlier ones would
    no longer notice that an audit that is in use was cut off.
    """
    saved, heads = folder / backup / HEADS, var / HEADS
    if saved.is_dir():
        if any(heads.glob("*.heads")):
            put_aside(heads, "audit-before-restore")
        heads.mkdir(parents=True, exist_ok=True, mode=0o700)
        for head in saved.glob("*.heads"):
            shutil.copy(head, heads / head.name)
