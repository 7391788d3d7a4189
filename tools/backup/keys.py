"""The keys of a backup, in a folder of their own: whoever has archive and keys reads everything."""

import shutil
from pathlib import Path
from typing import Final

import pyrage  # type: ignore[import-untyped]  # says no types

from tools.local import keys
from tools.local.keys import SecretsError

PRIVATE, PUBLIC = "age.key", "recipient.txt"
HEADS: Final = "audit"
"""The heads of the audit, which the store must not hold alone."""


def prepare(folder: Path, var: Path) -> str:
    """The public key to encrypt to; made with its private half the first time. Copies today's secrets and heads there.

    The private half may be taken away: backups go on, and whoever steals this machine opens none of them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = folder / PUBLIC
    if not public.exists():
        made = pyrage.x25519.Identity.generate()
        keys.write_private(folder / PRIVATE, f"{made}\n")
        keys.write_private(public, f"{made.to_public()}\n")
    if (var / keys.FILE).exists():
        keys.write_private(folder / keys.FILE, (var / keys.FILE).read_text(encoding="utf-8"))
    heads = var / "audit"
    for head in heads.glob("*.heads"):
        (folder / HEADS).mkdir(exist_ok=True, mode=0o700)
        keys.write_private(folder / HEADS / head.name, head.read_text(encoding="utf-8"))
    return public.read_text(encoding="utf-8").strip()


def private(folder: Path) -> str:
    """The key that opens archives. Raises ``SecretsError`` where it is not there, or others may read it."""
    file = folder / PRIVATE
    if not file.is_file():
        raise SecretsError(f"{file} is not there: bring the key the backup was encrypted for (KEYS=folder)")
    if file.stat().st_mode & 0o077:
        raise SecretsError(f"{file} can be read by others: run chmod 600 {file}")
    return file.read_text(encoding="utf-8").strip()


def give_back(folder: Path, var: Path) -> None:
    """Put secrets and heads where they are used. Raises ``SecretsError`` where other secrets are there already."""
    saved, place = folder / keys.FILE, var / keys.FILE
    if saved.is_file():
        if place.exists() and keys.read(place) != keys.read(saved):
            raise SecretsError(
                f"{place} holds other keys than {saved}: restore with an IEUM_VAR_DIR that has none, or move it away"
            )
        keys.write_private(place, saved.read_text(encoding="utf-8"))
    # Later heads than the backup's would be missed in its audit for ever; they are kept, beside.
    if (folder / HEADS).is_dir():
        heads = var / "audit"
        if any(heads.glob("*.heads")):
            heads.rename(var / f"audit-before-restore-{len(list(var.glob('audit-before-restore-*'))) + 1}")
        heads.mkdir(parents=True, exist_ok=True, mode=0o700)
        for head in (folder / HEADS).glob("*.heads"):
            shutil.copy(head, heads / head.name)
