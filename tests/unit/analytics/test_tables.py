"""From cells to files: counts, tables, JSON, CSV and pictures say the same and never more than was published."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from services.analytics.policy.counts import ENDS, TIME_GROUPS, UNANSWERED, month_counts
from services.analytics.policy.disclosure import HIDDEN, Figure, MonthCounts, Release, close, picture
from services.analytics.policy.periods import Period, between, closes_at, days_of_month, parse, running
from services.analytics.policy.tables import DEFINITIONS, answered_within, build
from services.analytics.rendering.charts import Bar, bar_chart, level
from services.analytics.rendering.files import as_csv, as_json
from services.analytics.rendering.words import END_WORDS, HARM_WORDS, TIME_WORDS, shown, word
from shared.events.vocabulary import HarmType

AS_OF = "2026-11-24T03:00:00Z"


def period(name: str) -> Period:
    found = parse(name)
    assert found is not None
    return found


def plain(text: str) -> str:
    return text


def some_counts(month: str = "2026-10") -> MonthCounts:
    return MonthCounts(
        month=month,
        days={f"{month}-01": 20, f"{month}-02": 13},
        centers={"busan": 20, "daegu": 10, "sejong": 3},
        harms={
            "busan": {"synthesis": 17, "other": 9},
            "daegu": {"synthesis": 8, "other": 2},
            "sejong": {"synthesis": 3, "other": 0},
        },
        times={**dict.fromkeys(TIME_GROUPS, 0), "within_5_min": 20, "within_1_hour": 8, UNANSWERED: 5},
        ends={"in_care": 21, "closed": 9, "withdrawn": 3},
    )


def table_of(name: str, when: str, *releases: Release) -> list[tuple[str, tuple[Figure, ...]]]:
    table = build(DEFINITIONS[name], period(when), releases)
    return [(row.key, row.figures) for row in table.rows]


def test_cells_become_counts_of_owned_reports() -> None:
    cells = {
        "2026-10-01": Counter(
            {
                "reports|busan|all": 6,
                "reports|busan|synthesis": 5,
                "reports|none|all": 2,
                "reports|old-centre|all": 1,
                "ack|0": 3,
                "ack|21": 1,
                "end|withdrawn": 2,
                "end|closed": 1,
                "stage|accepted": 9,
            }
        )
    }
    counts = month_counts("2026-10", cells, days=["2026-10-01", "2026-10-02"], centers=["busan"], harms=["synthesis"])
    assert counts.total == 7
    assert counts.days == {"2026-10-01": 7, "2026-10-02": 0}
    assert counts.centers == {"busan": 6, "old-centre": 1}
    assert counts.ends == {"in_care": 4, "closed": 1, "withdrawn": 2}
    assert (counts.times["within_5_min"], counts.times["longer"], counts.times[UNANSWERED]) == (3, 1, 3)


def test_a_closed_month_by_centre_hides_the_small_one_and_one_more() -> None:
    rows = dict(table_of("reports-by-center", "2026-10", close(some_counts(), AS_OF)))
    assert rows == {
        "busan": (Figure(20, 20),),
        "daegu": (HIDDEN,),
        "sejong": (HIDDEN,),
        "total": (Figure(33, 33),),
    }


def test_a_closed_month_by_harm_type_withholds_rows_of_hidden_centres() -> None:
    rows = dict(table_of("reports-by-center-and-harm", "2026-10", close(some_counts(), AS_OF)))
    assert rows["busan"] == (Figure(20, 20), Figure(17, 17), Figure(9, 9))
    assert rows["sejong"] == (HIDDEN, HIDDEN, HIDDEN)
    assert rows["total"] == (Figure(33, 33), Figure(17, 30), Figure(9, 22))


def test_a_running_month_shows_steps_of_five() -> None:
    rows = dict(table_of("reports-by-center", "2026-10", picture(some_counts(), AS_OF)))
    assert rows["daegu"] == (Figure(10, 14),)
    assert rows["sejong"] == (HIDDEN,)
    assert rows["total"] == (Figure(30, 34),)


def test_a_few_withdrawals_hide_with_another_line_so_that_the_total_gives_nothing_away() -> None:
    rows = dict(table_of("reports-by-outcome", "2026-10", close(some_counts(), AS_OF)))
    assert rows == {
        "in_care": (Figure(21, 21),),
        "closed": (HIDDEN,),
        "withdrawn": (HIDDEN,),
        "total": (Figure(33, 33),),
    }
    running_month = dict(table_of("reports-by-outcome", "2026-10", picture(some_counts(), AS_OF)))
    assert running_month["withdrawn"] == (HIDDEN,)
    assert running_month["in_care"] == (Figure(20, 24),)


def test_a_publication_from_before_a_line_existed_says_nothing_of_it() -> None:
    old = MonthCounts("2026-10", {}, {"busan": 9}, {"busan": {}}, {})
    rows = dict(table_of("reports-by-outcome", "2026-10", close(old, AS_OF)))
    assert {rows[end] for end in ENDS} == {(HIDDEN,)}


def test_a_quarter_is_made_of_its_months_and_hidden_where_one_is() -> None:
    october, november = close(some_counts(), AS_OF), close(some_counts("2026-11"), AS_OF)
    table = build(DEFINITIONS["reports-by-center"], period("2026-Q4"), [october, november])
    rows = {row.key: row.figures[0] for row in table.rows}
    assert rows == {"busan": Figure(40, 40), "daegu": HIDDEN, "sejong": HIDDEN, "total": Figure(66, 66)}
    assert table.provisional  # December has not been published


def test_a_week_takes_its_days_from_both_months() -> None:
    october = close(MonthCounts("2026-09", {"2026-09-29": 9, "2026-09-30": 8}, {"busan": 17}, {"busan": {}}, {}), AS_OF)
    november = close(some_counts(), AS_OF)
    rows = table_of("reports-by-day", "2026-W40", october, november)
    assert [key for key, _ in rows] == ["2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02", "total"]
    assert rows[-1][1] == (Figure(50, 50),)


def test_half_of_the_answered_is_found_from_what_is_published() -> None:
    table = build(DEFINITIONS["acknowledgement-times"], period("2026-10"), [close(some_counts(), AS_OF)])
    assert answered_within(table) == "within_5_min"
    empty = MonthCounts("2026-10", {}, {"busan": 0}, {"busan": {}}, dict.fromkeys((*TIME_GROUPS, UNANSWERED), 0))
    assert (
        answered_within(build(DEFINITIONS["acknowledgement-times"], period("2026-10"), [close(empty, AS_OF)])) is None
    )


def test_json_and_csv_say_the_same() -> None:
    table = build(DEFINITIONS["reports-by-center-and-harm"], period("2026-10"), [close(some_counts(), AS_OF)])
    body = as_json(table, plain, plain)
    text = as_csv(table, plain)
    assert text.startswith("\ufeff")
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [line["center"] for line in lines] == [row["key"] for row in body["rows"]]
    assert {line["status"] for line in lines} == {"final"}
    for line, row in zip(lines, body["rows"], strict=True):
        for column, figure in zip(body["columns"], row["figures"], strict=True):
            expected = (
                "*" if figure.get("hidden") else figure.get("value", f"{figure.get('low')}..{figure.get('high')}")
            )
            assert line[column["key"]] == str(expected)
    assert body["provisional"] is False


def test_every_harm_type_and_time_group_has_a_word() -> None:
    assert set(HARM_WORDS) == {harm.value for harm in HarmType}
    assert set(TIME_WORDS) == {*TIME_GROUPS, UNANSWERED}
    assert set(END_WORDS) == set(ENDS)
    assert word("busan", {"busan": "Busan"}, plain) == "Busan"
    assert word("2026-10-01", {}, plain) == "2026-10-01"


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


# --- periods ----------------------------------------------------------------------------------------------------

NOW = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)  # 1 November, 01:00 in Seoul


@pytest.mark.parametrize("text", ["", "20266", "2026-13", "2026-Q5", "2026-W54", "2027-W53", "2026-11-01", "26-11"])
def test_what_is_no_period(text: str) -> None:
    assert parse(text) is None


def test_periods_have_whole_days_and_months() -> None:
    assert period("2026-Q4").months == ("2026-10", "2026-11", "2026-12")
    assert (period("2028-02").first, period("2028-02").last) == (date(2028, 2, 1), date(2028, 2, 29))
    assert period("2026-W53").last == date(2027, 1, 3)


def test_the_running_period_follows_seouls_calendar() -> None:
    assert [running(NOW, kind).name for kind in ("month", "quarter", "week")] == ["2026-11", "2026-Q4", "2026-W44"]
    assert days_of_month("2026-11", NOW) == ["2026-11-01"]
    assert days_of_month("2026-12", NOW) == []


def test_periods_since_the_first_day() -> None:
    assert between(date(2026, 8, 31), NOW, "month") == ["2026-11", "2026-10", "2026-09", "2026-08"]
    assert between(date(2026, 8, 31), NOW, "quarter") == ["2026-Q4", "2026-Q3"]


def test_a_month_closes_three_days_after_its_end_in_seoul() -> None:
    assert closes_at("2026-10") == datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
