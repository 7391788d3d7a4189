"""Put a folder aside instead of removing it."""

from itertools import count
from pathlib import Path


def put_aside(folder: Path, stem: str) -> Path:
    """Rename a folder to the first of ``stem-1``, ``stem-2``, … beside it that is free; returns where it is now.

    Those put aside before may have gaps: a restore takes one of them back.
    """
    places = (folder.with_name(f"{stem}-{number}") for number in count(1))
    return folder.rename(next(place for place in places if not place.exists()))
