"""From cells to files: counts, tables, JSON, CSV and pictures say the same and never more than was published."""

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from services.analytics.dashboard.charts import Bar, bar_chart
from services.analytics.exports.files import as_csv, as_json
from services.analytics.exports.words import END_WORDS, TIME_WORDS, shown, word
from services.analytics.releases.calendar import Period, days_of_month, parse
from services.analytics.releases.counts import ENDS, TIME_GROUPS, UNANSWERED, month_counts
from services.analytics.releases.derived import level, per_100000, percentile, unknown_share, within_target
from services.analytics.releases.hierarchies import CENTERS, TIMES
from services.analytics.releases.published import Table, TableRow, build, exists, finest
from services.analytics.releases.release import Release, of_month, of_quarter, of_year
from services.analytics.releases.suppression import HIDDEN, Figure, MonthCounts
from services.analytics.releases.tables import HARM_TABLE, HARMS, STAFF_TABLE, SUPPORT_TABLE, TABLE_SPECS
from shared.events.vocabulary import HarmType

AS_OF = "2026-11-24T03:00:00Z"


def period(name: str) -> Period:
    found = parse(name)
    assert found is not None
    return found


def plain(text: str) -> str:
    return text


CENTER_COUNTS = {
    **dict.fromkeys((c for c in CENTERS.leaves() if c not in {"sejong", "central"}), 21),
    "busan": 82,
    "daejeon": 13,
    "ulsan": 22,
    "sejong": 3,
    "central": 0,
}


def some_counts(month: str) -> MonthCounts:
    days = days_of_month(month, datetime(2027, 6, 1, tzinfo=UTC))
    rest = sum(CENTER_COUNTS.values()) - 12 * len(days)
    return MonthCounts(
        month=month,
        days={day: 12 + (rest if day.endswith("-10") else 0) for day in days},
        centers=CENTER_COUNTS,
        harms={
            center: {**dict.fromkeys(HARMS, 0), "synthesis": n // 3, "other": n // 2}
            for center, n in CENTER_COUNTS.items()
        },
        times={
            **dict.fromkeys(TIMES.leaves(), 5),
            "within_5_min": 290,
            "within_4_hours": 45,
            "within_12_hours": 15,
            "longer": 1,
            "unanswered": 1,
        },
        ends={"in_care": 340, "closed": 29, "withdrawn": 3},
    )


def some_releases() -> list[Release]:
    counts = [some_counts("2026-10"), some_counts("2026-11"), some_counts("2026-12")]
    months = [of_month(each, AS_OF, "full") for each in counts]
    return [*months, of_quarter("2026-Q4", months, counts, AS_OF, {"other": "whole"})]


def made(name: str, when: str) -> Table:
    return build(TABLE_SPECS[name], period(when), some_releases())


def rows_of(name: str, when: str) -> dict[str, tuple[int | None, ...]]:
    return {row.key: tuple(figure.low for figure in row.figures) for row in made(name, when).rows}


def test_cells_become_counts_of_owned_reports() -> None:
    cells = {
        "2026-10-01": Counter(
            {
                "reports|busan|all": 6,
                "reports|busan|synthesis": 5,
                "reports|none|all": 2,
                "reports|old-centre|all": 1,
                "ack|0": 5,
                "ack|21": 1,
                "end|withdrawn": 2,
                "end|closed": 1,
                "stage|accepted": 9,
            }
        )
    }
    counts = month_counts(
        "2026-10",
        cells,
        days=["2026-10-01", "2026-10-02"],
        centers=["busan"],
        harms=["synthesis"],
        ahead={"ack|0": 2},
    )
    assert counts.total == 7
    assert counts.days == {"2026-10-01": 7, "2026-10-02": 0}
    assert counts.centers == {"busan": 6, "old-centre": 1}
    assert counts.ends == {"in_care": 4, "closed": 1, "withdrawn": 2}
    assert (counts.times["within_5_min"], counts.times["longer"], counts.times[UNANSWERED]) == (3, 1, 3)


def test_a_month_by_centre_hides_the_small_one_and_what_would_give_it_away() -> None:
    rows = rows_of("reports-by-center", "2026-10")
    assert rows["sejong"] == rows["central"] == rows["daejeon"] == (None,)
    assert rows["daejeon+sejong+central"] == (16,)
    assert rows["busan"] == (82,)
    assert rows["total"] == (sum(CENTER_COUNTS.values()),)
    assert "chungnam+chungbuk" not in rows  # both are shown


def test_a_quarter_is_the_sum_of_published_months() -> None:
    rows = rows_of("reports-by-center", "2026-Q4")
    assert (rows["busan"], rows["daejeon+sejong+central"], rows["sejong"]) == ((246,), (48,), (None,))


def test_harm_types_of_a_quarter_stand_beside_the_reports_of_the_same_place() -> None:
    rows = rows_of("reports-by-center-and-harm", "2026-Q4")
    synthesis, other = 1 + HARMS.index("synthesis"), 1 + HARMS.index("other")
    south_east = "busan+gyeongnam+daegu+gyeongbuk+ulsan"
    assert [*rows] == [*(region.key for region in CENTERS.parts), "total"]
    assert rows[south_east][0] == 246 + 3 * (3 * 21 + 22)
    assert rows[south_east][synthesis] == 3 * (27 + 3 * 7 + 7)
    assert rows[south_east][other] is None  # coarsened to the whole country
    assert rows["total"][other] is not None
    table = made("reports-by-center-and-harm", "2026-Q4")
    assert table.coarser == {"other": "whole"}
    assert {table.level(row) for row in table.rows} == {"group", "total"}, "regions add up to the total"
    assert (table.cost.cells, table.cost.hidden) == (4 * 11, 4 * 9)


def test_harm_types_of_a_year_split_the_sums_of_its_quarters() -> None:
    """The year has what the quarter hides of a region's centres; it does not have what only some quarters tell."""
    counts = [some_counts(f"2026-{number:02d}") for number in (7, 8, 9, 10, 11, 12)]
    months = [of_month(each, AS_OF, "full") for each in counts]
    quarters = [
        of_quarter("2026-Q3", months[:3], counts[:3], AS_OF, {}),
        of_quarter("2026-Q4", months[3:], counts[3:], AS_OF, {"other": "whole"}),
    ]
    year = of_year("2026", months, counts, AS_OF, {}, {}, quarters)
    table = build(TABLE_SPECS[HARM_TABLE], period("2026"), [*months, *quarters, year])
    rows = {row.key: tuple(figure.low for figure in row.figures) for row in table.rows}
    synthesis, other = 1 + HARMS.index("synthesis"), 1 + HARMS.index("other")
    assert rows["busan"][:1] + rows["busan"][synthesis : synthesis + 1] == (6 * 82, 6 * 27)
    assert (rows["sejong"][synthesis], rows["daejeon+sejong+central"][synthesis]) == (None, 6 * 5)
    for place in ("total", "gyeonggi+incheon+gangwon"):
        told = [quarter.tables[HARM_TABLE][f"{place}|synthesis"] for quarter in quarters]
        assert rows[place][synthesis] == sum(told)
    assert rows["total"][other] is not None
    assert {row[other] for key, row in rows.items() if key != "total"} == {None}, "of one quarter they would follow"


def test_weeks_are_cut_at_the_ends_of_a_period_and_whole_inside() -> None:
    assert rows_of("reports-by-week", "2026-10")["2026-W44"] == (6 * 12,)  # 26 to 31 October
    quarter = rows_of("reports-by-week", "2026-Q4")
    assert quarter["2026-W44"] == (7 * 12,)
    assert quarter["total"] == (3 * sum(CENTER_COUNTS.values()),)


def test_what_became_of_them_and_how_fast() -> None:
    assert rows_of("reports-by-outcome", "2026-10") == {
        "in_care": (340,),
        "closed": (None,),
        "withdrawn": (None,),
        "closed+withdrawn": (32,),
        "total": (372,),
    }
    times = made("acknowledgement-times", "2026-10")
    assert finest(times)[-1] == ("within_3_days+longer+unanswered", 7)
    assert sum(n for _, n in finest(times)) == 372


def test_the_yearly_tables_are_named_and_exist_only_where_they_were_released() -> None:
    releases = some_releases()
    assert [d.name for d in TABLE_SPECS.values() if exists(d, releases[-1])] == [
        "reports-by-center",
        "reports-by-center-and-harm",
        "reports-by-week",
        "acknowledgement-times",
        "reports-by-outcome",
    ]
    assert TABLE_SPECS["reports-by-age-and-gender"].dimensions == ("age_band", "gender")
    counts = some_counts("2026-10")
    ages = {"19_24/female": 200, "25_29/male": 100, "14_18/female": 50, "under_14/female": 10, "30s/female": 12}
    crossings = {"reports-by-age-and-gender": ages, "support-given": {"deletion": 90, "legal": 2, "none": 200}}
    year = of_year(
        "2026", releases[:1], [replace(counts, crossings=crossings)], AS_OF, {}, {"corrections": {"moved_on": 12}}
    )
    table = build(TABLE_SPECS["reports-by-age-and-gender"], period("2026"), [*releases, year])
    rows = {row.key: row.figures[0].low for row in table.rows}
    assert (rows["19_24/female"], rows["male+unknown+other"], rows["total"]) == (None, 100, 372)
    support = build(TABLE_SPECS["support-given"], period("2026"), [*releases, year])
    assert [(row.key, row.figures[0].low) for row in support.rows] == [("deletion", 90), ("total", 372)]
    bulletin = build(TABLE_SPECS["corrections"], period("2026"), [*releases, year])
    assert [row.figures[0].low for row in bulletin.rows] == [None, None, 12, None, None, None]


def test_a_role_of_a_later_build_leaves_the_total_of_its_table_whole() -> None:
    releases, name = some_releases(), "reports-by-role-and-channel"
    roles = {
        "victim/web": 172,
        "representative/web": 100,
        "third_party/web": 40,
        "unknown/web": 50,
        "victim/unknown": 10,
    }
    counts = replace(some_counts("2026-10"), crossings={name: roles})
    year = of_year("2026", releases[:1], [counts], AS_OF, {}, {})
    assert year.tables[name]["total"] == 372
    assert year.tables[name]["third_party/web"] == 90


def test_what_protection_costs_is_worked_out_from_what_is_published() -> None:
    cost = made("reports-by-center", "2026-10").cost
    assert (cost.cells, cost.hidden) == (17, 3)
    assert cost.lost == 16 / 372, "exact: it is rounded where it is shown"
    assert cost.share == 3 / 17


def test_hours_that_were_rounded_are_no_loss() -> None:
    """Of 17 times 495.5 the total is 8,420 and the rounded rows are 8,500: that says nothing of what is hidden."""
    counts = replace(some_counts("2026-10"), staff=dict.fromkeys(CENTERS.leaves(), 495.5))
    table = build(TABLE_SPECS["staff-on-duty"], period("2026-10"), [of_month(counts, AS_OF, "full")])
    assert (table.cost.hidden, table.cost.lost) == (0, None)


def test_kinds_of_which_a_report_may_have_several_say_nothing_of_how_much_is_lost() -> None:
    """Of 372 reports 300 were counselled and 200 asked for deletion: 500 of 372 would be a loss below nothing."""
    given = {"counselling": 300, "deletion": 200, "legal": 3}
    counts = replace(some_counts("2026-10"), crossings={SUPPORT_TABLE: given})
    month = of_month(counts, AS_OF, "full")
    year = of_year("2026", [month], [counts], AS_OF, {}, {})
    cost = build(TABLE_SPECS[SUPPORT_TABLE], period("2026"), [month, year]).cost
    assert cost.lost is None


# --- shares, percentiles, rates


def test_percentiles_and_shares_come_from_published_groups() -> None:
    times = made("acknowledgement-times", "2026-10")
    assert (percentile(times, 0.5), percentile(times, 0.9)) == ("within_5_min", "within_4_hours")
    assert percentile(times, 0.99) is None  # it lies in the group that reaches to the unanswered
    assert within_target(times) == 300 / 372, "exact: who shows it rounds it"
    assert per_100000(made("reports-by-center", "2026-10")) == round(372 * 100_000 / 51_084_159, 3)


def test_of_fewer_than_ten_there_is_no_percentile() -> None:
    times = made("acknowledgement-times", "2026-10")
    few = replace(times, rows=(TableRow("within_5_min", (Figure(9, 9),)), TableRow("total", (Figure(9, 9),))))
    assert percentile(few, 0.5) is None
    assert percentile(replace(times, rows=(*times.rows[:-1], TableRow("total", (HIDDEN,)))), 0.5) is None


def test_a_group_that_reaches_across_the_target_leaves_no_share() -> None:
    times = made("acknowledgement-times", "2026-10")
    across = TableRow("within_1_hour+within_4_hours", (Figure(12, 12),), ("within_1_hour", "within_4_hours"))
    own = tuple(TableRow(row.key, (HIDDEN,)) for row in times.rows[:-1] if not row.of)
    assert within_target(replace(times, rows=(*own, across, times.rows[-1]))) is None


def test_the_share_that_is_not_known_needs_every_part_of_it() -> None:
    table = made("reports-by-center", "2026-10")
    rows = (
        TableRow("unknown", (Figure(12, 12),)),
        TableRow("x", (Figure(48, 48),)),
        TableRow("total", (Figure(60, 60),)),
    )
    assert unknown_share(replace(table, rows=rows)) == 0.2
    assert unknown_share(replace(table, rows=(TableRow("unknown", (HIDDEN,)), *rows[1:]))) is None


# --- files


def test_json_and_csv_say_the_same() -> None:
    table = made("reports-by-center-and-harm", "2026-Q4")
    body = as_json(table, plain, plain)
    text = as_csv(table, plain)
    assert text.startswith("\ufeff")
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [line["center"] for line in lines] == [row["key"] for row in body["rows"]]
    for line, row in zip(lines, body["rows"], strict=True):
        for column, figure in zip(body["columns"], row["figures"], strict=True):
            assert line[column["key"]] == ("*" if figure.get("hidden") else str(figure["value"]))
    together = next(row for row in body["rows"] if row["key"] == "gwangju+jeonnam+jeonbuk+jeju")
    assert together["together"] == ("gwangju", "jeonnam", "jeonbuk", "jeju")
    assert body["protection"]["hidden"] > 0
    assert body["protection"]["coarser"] == {"other": "whole"}


def test_every_harm_type_and_time_group_has_a_word() -> None:
    assert {word(harm, {}, plain) for harm in HarmType} & {harm.value for harm in HarmType} == set()
    assert set(TIME_WORDS) == {*TIME_GROUPS, UNANSWERED}
    assert set(END_WORDS) == set(ENDS)
    assert word("busan", {"busan": "Busan"}, plain) == "Busan"
    assert word("2026-W40", {}, plain) == "2026-W40"
    assert word("busan+ulsan", {"busan": "Busan", "ulsan": "Ulsan"}, plain) == "Busan + Ulsan"
    assert word("19_24/female", {}, plain) == "19 to 24, Female"


def test_every_value_of_a_yearly_table_has_a_word() -> None:
    keys = {
        key
        for name in ("age-and-gender", "role-and-channel", "relationship", "platform")
        for key in TABLE_SPECS[f"reports-by-{name}"].hierarchy(period("2026")).leaves()
    }
    assert {key for key in keys if "_" in word(key, {}, plain) or word(key, {}, plain).islower()} == set()


def test_figures_in_words() -> None:
    assert shown(Figure(7, 7), plain, str) == "7"
    assert shown(Figure(10, 14), plain, str) == "10–14"
    assert shown(HIDDEN, plain, str) == "hidden"


def test_charts_escape_words_and_hatch_what_is_not_exact() -> None:
    bars = [Bar("a <b>", Figure(10, 14), "10–14"), Bar("c", HIDDEN, "hidden"), Bar("d", Figure(0, 0), "0")]
    svg = str(bar_chart(bars, chart_id="x", title="t & u", description="d"))
    assert "a &lt;b&gt;" in svg
    assert "t &amp; u" in svg
    assert svg.count('class="chart-bar"') == 1
    assert svg.count('class="chart-open"') == 2
    assert "style=" not in svg


def test_bands_of_the_map() -> None:
    assert [level(Figure(n, n)) for n in (0, 1, 9, 10, 25, 50, 100, 999)] == [0, 0, 0, 1, 2, 3, 4, 4]
    assert level(HIDDEN) is None


def test_hours_are_rounded_half_up_once_and_their_total_by_itself() -> None:
    counts = replace(some_counts("2026-10"), staff={"busan": 25.0, "ulsan": 14.9, "jeju": 34.9})
    found = of_month(counts, AS_OF, "full").tables[STAFF_TABLE]
    assert (found["busan"], found["ulsan"], found["jeju"], found["total"]) == (30, 10, 30, 70)
    release = of_month(counts, "2026-11-04T00:00:00Z", "full")
    assert build(TABLE_SPECS[STAFF_TABLE], period("2026-10"), [release]).rows[-1].figures[0].low == 70
    hours = {key: n for key, n in found.items() if key != "total"}
    earlier = replace(release, tables={**release.tables, STAFF_TABLE: hours})
    total = build(TABLE_SPECS[STAFF_TABLE], period("2026-10"), [earlier]).rows[-1].figures[0].low
    assert total == sum(hours.values()), "what was released before has no total of its own"
