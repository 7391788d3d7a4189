"""Places and homes: what people write resolves, what two places share is asked back, every place has an answer."""

from dataclasses import replace
from datetime import date

import pytest

from shared import centers
from shared.centers import TABLES, Ambiguous, UnknownDivision

TODAY = date(2026, 11, 24)
BEFORE_MERGER = date(2026, 6, 30)
FIRST_DAY = date(2026, 7, 1)


def test_there_are_sixteen_centres_with_three_staff_each_and_central() -> None:
    assert len(centers.CENTER_IDS) == 16
    assert sum(centers.center(c).staff for c in centers.CENTER_IDS) == 48
    assert "seoul" not in centers.CENTER_IDS
    assert centers.center(centers.CENTRAL).phones


def test_seventeen_divisions_became_sixteen_on_the_day_of_the_merger() -> None:
    before = {d.slug for d in centers.divisions_on(BEFORE_MERGER)}
    after = {d.slug for d in centers.divisions_on(FIRST_DAY)}
    assert (len(before), len(after)) == (17, 16)
    assert before - after == {"gwangju", "jeonnam"}
    assert after - before == {"jeonnam-gwangju"}


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("busan", "busan"),
        ("부산", "busan"),
        (" 부산 광역시 ", "busan"),
        ("PUSAN", "busan"),
        ("26", "busan"),
        ("KR-26", "busan"),
        ("강원도", "gangwon"),
        ("42", "gangwon"),
        ("51", "gangwon"),
        ("전라북도", "jeonbuk"),
        ("45", "jeonbuk"),
        ("광주광역시", "gwangju"),
        ("29", "gwangju"),
        ("gwangju", "gwangju"),
        ("전라남도", "jeonnam"),
        ("46", "jeonnam"),
        ("광주특별시", "jeonnam-gwangju"),
        ("전남광주", "jeonnam-gwangju"),
        ("12", "jeonnam-gwangju"),
        ("경기도 광주시", "gyeonggi"),
        ("jeollanam do", "jeonnam"),
        ("서울", "seoul"),
        ("해외", "overseas"),
        ("모름", "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_names_aliases_and_codes_old_and_new_resolve(text: str, slug: str) -> None:
    assert centers.resolve(text, TODAY) == slug


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("광주", ("gwangju", "gyeonggi")),
        ("광주시", ("gwangju", "gyeonggi")),
        ("Gwangju", ("gwangju", "gyeonggi")),
        ("고성", ("gangwon", "gyeongnam")),
        ("전라도", ("jeonbuk", "jeonnam")),
        ("중구", ("seoul", "busan", "daegu", "incheon", "daejeon", "ulsan")),
    ],
)
def test_a_name_of_several_places_is_asked_back(text: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(Ambiguous) as caught:
        centers.resolve(text, TODAY)
    assert caught.value.choices == choices


def test_an_unknown_name_says_what_would_do_and_does_not_repeat_what_was_written() -> None:
    with pytest.raises(UnknownDivision) as caught:
        centers.resolve("서울시 어딘가 12-3", TODAY)
    assert {"seoul", "jeonnam-gwangju", "overseas", "unknown"} <= set(caught.value.valid)
    assert "gwangju" not in caught.value.valid
    assert "어딘가" not in str(caught.value)


def test_a_division_of_the_future_does_not_resolve_yet() -> None:
    with pytest.raises(UnknownDivision):
        centers.resolve("12", BEFORE_MERGER)
    with pytest.raises(UnknownDivision):
        centers.resolve("jeonnam-gwangju", BEFORE_MERGER)


@pytest.mark.parametrize("code", ["12210", "12240", "12270", "12300", "12330", "29155"])
def test_the_five_former_gu_belong_to_gwangju(code: str) -> None:
    assert centers.home_center("jeonnam-gwangju", code, TODAY) == "gwangju"


@pytest.mark.parametrize("code", ["12110", "12870", "46110", "12999"])
def test_every_other_district_of_the_merged_division_belongs_to_jeonnam(code: str) -> None:
    assert centers.home_center("jeonnam-gwangju", code, TODAY) == "jeonnam"


@pytest.mark.parametrize("code", [None, "26110"])
def test_the_merged_division_without_a_district_of_its_own_has_two_possible_homes(code: str | None) -> None:
    assert centers.home_center("jeonnam-gwangju", code, TODAY) is None
    assert centers.home_candidates("jeonnam-gwangju", code, TODAY) == ("gwangju", "jeonnam")


@pytest.mark.parametrize("day", [date(2000, 1, 1), BEFORE_MERGER, TODAY, date(2050, 1, 1)])
def test_old_divisions_keep_their_homes_for_ever(day: date) -> None:
    assert centers.home_center("gwangju", None, day) == "gwangju"
    assert centers.home_center("jeonnam", None, day) == "jeonnam"


@pytest.mark.parametrize("place", ["seoul", "overseas", "unknown"])
def test_places_without_a_centre_say_so(place: str) -> None:
    assert centers.home_candidates(place, None, TODAY) == ()
    assert centers.home_center(place, None, TODAY) is None


def test_seoul_asks_the_rest_of_the_capital_area_first() -> None:
    assert centers.centers_near("seoul", TODAY) == ("gyeonggi", "incheon")
    assert centers.centers_near("busan", TODAY) == ()


def test_jeju_has_no_land_border_and_four_links() -> None:
    assert centers.neighbours("jeju") == ()
    assert centers.linked("jeju") == ("busan", "gwangju", "gyeongnam", "jeonnam")


def test_twenty_seven_land_borders_remain_without_seoul() -> None:
    pairs = {frozenset((a, b)) for a in centers.CENTER_IDS for b in centers.neighbours(a)}
    assert len(pairs) == 27


def test_districts_are_listed_only_where_they_decide() -> None:
    assert len(centers.districts_of("jeonnam-gwangju")) == 27
    assert centers.districts_of("busan") == ()
    assert centers.districts_of("overseas") == ()


def test_the_tables_are_sound() -> None:
    assert centers.faults(TABLES) == ()


def test_a_gap_between_catchments_is_found() -> None:
    gone = tuple(c for c in TABLES.catchments if c.division != "busan")
    broken = centers.faults(replace(TABLES, catchments=gone))
    assert any("busan" in fault and "neither" in fault for fault in broken)


def test_a_catchment_that_ends_without_a_successor_is_found() -> None:
    ended = tuple(replace(c, valid_to=TODAY) if c.division == "jeju" else c for c in TABLES.catchments)
    assert centers.faults(replace(TABLES, catchments=ended)) == (
        "jeju on 2026-11-25: neither a catchment nor a word that there is none",
    )


def test_a_one_sided_border_is_found() -> None:
    lonely = {**TABLES.centers, "busan": replace(TABLES.centers["busan"], land=())}
    assert len(centers.faults(replace(TABLES, centers=lonely))) == 2


def test_a_district_in_two_catchments_is_found() -> None:
    twice = tuple(replace(c, districts=("12210",), rest=False) if c.rest else c for c in TABLES.catchments)
    broken = centers.faults(replace(TABLES, catchments=twice))
    assert any("12210" in fault for fault in broken)
    assert any("exactly one" in fault for fault in broken)
