"""The figures the simulator draws from, read from ``params.json`` (which says which of them are assumptions)."""

import json
import random
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from shared import centers

_FILE = Path(__file__).with_name("params.json")
_SPLIT_DIVISION = "jeonnam-gwangju"
"""The one division with two catchments, in force since 2026-07-01."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Values and how often each comes; the shares need not sum to one."""

    values: tuple[str, ...]
    weights: tuple[float, ...]
    cumulative: tuple[float, ...] = field(init=False)
    """The weights as ``random.choices`` would add them up for every draw."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cumulative", tuple(accumulate(self.weights)))

    @classmethod
    def of(cls, table: dict[str, float]) -> Self:
        """From a table value → share."""
        return cls(tuple(table), tuple(table.values()))

    def draw(self, draw: random.Random) -> str:
        """One value."""
        return draw.choices(self.values, cum_weights=self.cumulative)[0]


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a simulated week."""

    role: Shares
    channel: Shares
    language: Shares
    harm_type: Shares
    harm_types_per_report: float
    age_band: Shares
    age_band_deepfake: Shares
    gender: Shares
    gender_deepfake: Shares
    relationship: Shares
    platform_kind: Shares
    division: Shares
    contact_channels: Shares
    district_told_share: float
    declined_center_share: float
    districts: dict[str, tuple[str, ...]]
    centers: tuple[str, ...]


def load() -> Params:
    """The committed figures, as a bad week: synthesis at its share times the surge of August 2024."""
    raw: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    harms = dict(raw["harm_type"])
    harms["synthesis"] *= raw["deepfake_surge"]["share_multiplier"]
    other = raw["harm_type_other_share"]
    harms |= {harm: share * other for harm, share in raw["harm_type_other"].items()}
    plain = ("role", "channel", "language", "age_band", "age_band_deepfake", "gender", "gender_deepfake")
    tables = (*plain, "relationship", "platform_kind", "contact_channels")
    return Params(
        **{name: Shares.of(raw[name]) for name in tables},
        harm_type=Shares.of(harms),
        harm_types_per_report=raw["harm_types_per_report"],
        division=Shares.of({**raw["division"], **raw["division_elsewhere"]}),
        district_told_share=raw["district_told_share"],
        declined_center_share=raw["declined_center_share"],
        districts={_SPLIT_DIVISION: tuple(d.code for d in centers.districts_of(_SPLIT_DIVISION))},
        centers=centers.CENTER_IDS,
    )
