"""Folders of tables as a ministry would give them: the packaged ones with changes."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from shared.centers.parsing import FILES

Change = Callable[[dict[str, Any]], object]


def packaged() -> dict[str, dict[str, Any]]:
    data = resources.files("shared.centers").joinpath("data")
    return {name: json.loads(data.joinpath(name).read_text("utf-8")) for name in FILES}


def write(folder: Path, version: str = "2027-01-01", **changes: Change) -> Path:
    """The packaged tables under another version, with changes to ``divisions``, ``centers`` or ``catchments``."""
    files = packaged()
    files["centers.json"]["table_version"] = version
    for name, change in changes.items():
        change(files[f"{name}.json"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder


def center_row(file: dict[str, Any], center_id: str) -> dict[str, Any]:
    return next(row for row in file["centers"] if row["id"] == center_id)


def home_row(file: dict[str, Any], division: str) -> dict[str, Any]:
    return next(row for row in file["catchments"] if row["division"] == division)


def joined(file: dict[str, Any]) -> None:
    """Jeju and Ulsan get a ferry."""
    center_row(file, "jeju")["sea_air"].append("ulsan")
    center_row(file, "ulsan")["sea_air"].append("jeju")
