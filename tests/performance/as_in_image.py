"""The environment of a process that finds what the image has and nothing else that developers install.

For a service that is weighed: structlog and httpx import rich, 4 MB, where there is one, and no image has it.
"""

import re
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_NAME: Final = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def environment() -> dict[str, str]:
    """Return what to add to the environment of a Python process."""
    kept = {
        _plain(name) for name in _NAME.findall((_HERE.parents[1] / "requirements.lock").read_text(encoding="utf-8"))
    }
    hidden = [name for name, of in packages_distributions().items() if kept.isdisjoint(map(_plain, of))]
    return {"PYTHONPATH": str(_HERE / "without"), "IEUM_BENCH_WITHOUT": " ".join(hidden)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
