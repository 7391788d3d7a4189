"""The tables as they stand in ``data/``, read once when first imported; a few kilobytes that ship with the code."""

from importlib import resources
from typing import Final

from shared.centers.model import Tables
from shared.centers.parsing import FILES, parse

CENTRAL: Final = "central"


def read() -> Tables:
    """All tables from the files beside this module."""
    data = resources.files("shared.centers").joinpath("data")
    tables, faults = parse({name: data.joinpath(name).read_bytes() for name in FILES})
    if tables is None:
        raise ValueError(f"the tables in the package cannot be read: {'; '.join(faults)}")
    return tables


TABLES: Final = read()
TABLE_VERSION: Final = TABLES.version
CENTER_IDS: Final = tuple(sorted(set(TABLES.centers) - {CENTRAL}))
ELSEWHERE: Final = tuple(TABLES.elsewhere)
