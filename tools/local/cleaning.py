"""Remove data, logs and results (`ieum clean`)."""

import shutil

from tools.local.aside import put_aside
from tools.local.keys import FILE
from tools.local.security import FOLDER as SECURITY
from tools.local.settings import LocalSettings
from tools.local.state import AlreadyRunningError, RunFolder

OURS = (
    *("kafka", "store", "logs", "run", "routing", "identity", "audit"),
    *("demo", "drill", "bench", "torture", "tests"),
)
"""Folders that launcher, demo, benchmarks and tests make below ``var``."""
ANCHORS = "audit-anchors"
"""The verifier's copy of what was published of the audits: beside the next ones it would tell that these are gone."""

NEEDED = {
    "erasures": "the erasure register, as long as there are backups: without it a restore brings back what was erased",
    "compose": "the secrets of deploy/compose",
    "backups": "archives: what was erased lives in them, so none for more than 30 days",
    "backup-keys": "keys that open archives",
}
"""Folders of ours that are no rubbish, and why."""


def clean(settings: LocalSettings) -> list[str]:
    """Remove from the var folder what this project puts there; returns a line for each thing met.

    Secrets stay because a store elsewhere (``MONGODB_URI``) may hold reports only they can open. What is not ours stays
    too: the folder is a setting, and a setting can be wrong.
    """
    if RunFolder(settings.var / "run").runner() is not None:
        raise AlreadyRunningError("Ieum runs: ieum down first")
    lines = []
    for path in sorted(settings.var.glob("*")) if settings.var.is_dir() else []:
        if path.name in OURS and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            lines.append(f"removed {path}")
        elif path.name == ANCHORS and path.is_dir() and not path.is_symlink():
            aside = put_aside(path, f"{ANCHORS}-before-clean")
            lines.append(f"put {path} aside as {aside.name} (put it back before you restore a backup here)")
        elif path.name in (FILE, SECURITY):
            lines.append(f"kept {path} (delete it yourself if no data is left that needs it)")
        elif path.name in NEEDED:
            lines.append(f"kept {path} ({NEEDED[path.name]})")
        else:
            lines.append(f"left {path}, which is not known here")
    return lines or ["nothing to remove"]
