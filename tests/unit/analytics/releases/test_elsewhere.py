"""Reports from elsewhere: what an intruder knows of them from who is at home where."""

from collections.abc import Mapping

from services.analytics.releases.audit import prove
from services.analytics.releases.intruder_model import system
from services.analytics.releases.plausibility import implausible
from services.analytics.releases.release import lower, of_month, of_year
from services.analytics.releases.suppression import MonthCounts
from services.analytics.releases.tables import ELSEWHERE_TABLE, FROM_ELSEWHERE
from tests.unit.analytics import worlds

OWNERS = dict.fromkeys(("gyeonggi", "chungnam", "chungbuk", "daejeon", "gwangju", "busan"), 40)
GUESTS = dict.fromkeys(OWNERS, 10)


def month(number: int, sejong: int, central: int, guests: Mapping[str, int]) -> MonthCounts:
    name = f"2025-{number:02d}"
    centers = {**dict.fromkeys(worlds.SHARES, 0), **OWNERS, "sejong": sejong, "central": central}
    away = {**GUESTS, **guests}
    homes = {f"none/{center}": n for center, n in away.items()}
    homes |= {f"{center}/{center}": n - away.get(center, 0) for center, n in centers.items()}
    n = sum(centers.values())
    counts = MonthCounts(name, {f"{name}-05": n}, centers, {}, {"longer": n}, {"in_care": n}, {ELSEWHERE_TABLE: homes})
    assert not implausible(counts)
    return counts


def test_the_central_desk_has_only_reports_from_elsewhere() -> None:
    """February hides Sejong and the desk; January's ten at the desk and the year's 14 from elsewhere leave four."""
    counts = month(1, 10, 10, {"central": 10, "sejong": 1}), month(2, 12, 3, {"central": 3})
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    assert [each.tables["reports-by-center"].get("central") for each in months] == [10, None]
    year = of_year("2025", months, counts, worlds.AS_OF, {}, {})
    assert year.tables[ELSEWHERE_TABLE][f"sejong+central|{FROM_ELSEWHERE}"] == 14
    proof = prove(system([*months, year]), 60, of=["2025"])
    assert "2025-02/reports-by-center/central" in proof.cells


def test_what_is_from_elsewhere_bounds_a_quarter_that_hides_a_centre_in_all_its_months() -> None:
    """Sejong and the desk own 12 a month; 21 are from elsewhere, so 15 at least are Sejong's: three in two months."""
    counts = [month(number, 8, 4, {"central": 4, "sejong": 3}) for number in (1, 2, 4)]
    months = [of_month(each, worlds.AS_OF, "full") for each in counts]
    assert all("sejong" not in each.tables["reports-by-center"] for each in months)
    year = of_year("2025", months, counts, worlds.AS_OF, {}, {})
    assert year.tables[ELSEWHERE_TABLE][f"sejong+central|{FROM_ELSEWHERE}"] == 21
    proof = prove(system([*months, year]), 60, of=["2025"])
    assert f"2025/{ELSEWHERE_TABLE}/2025-Q1/sejong|{FROM_ELSEWHERE}" in proof.cells
    region = "chungnam+chungbuk+daejeon+sejong+central"
    assert lower({}, proof.cells, year.tables) == {f"{region}|{FROM_ELSEWHERE}": "regions"}
