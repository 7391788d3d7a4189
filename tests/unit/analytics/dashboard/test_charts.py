"""Pictures as SVG: what is hidden is one box of one size, what nobody knows another, and every word is there."""

import re
from xml.etree import ElementTree as ET

from services.analytics.dashboard.charts import Bar, Group, bar_chart, grouped_chart, strips_chart
from services.analytics.releases.derived import level, levels
from services.analytics.releases.suppression import HIDDEN, Figure


def bar(label: str, number: int | None, *, short: str = "", unknown: bool = False) -> Bar:
    figure = HIDDEN if number is None else Figure(number, number)
    return Bar(label, figure, "hidden" if number is None else str(number), unknown=unknown, short=short)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  # our own


def rects(svg: str, css: str) -> list[dict[str, str]]:
    return [dict(each.attrib) for each in parsed(svg).iter("rect") if each.get("class") == css]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in parsed(svg).iter("text")]


def test_hidden_boxes_have_one_size_whatever_stands_beside_them() -> None:
    charts = [
        str(bar_chart([bar("a", n), bar("b", None)], chart_id="x", title="t", description="d")) for n in (5, 90, 7000)
    ]
    assert {rects(svg, "chart-open")[0]["width"] for svg in charts} == {"6.0%"}
    assert {rects(svg, "chart-bar")[0]["width"] for svg in charts} == {"74.0%"}


def test_unknown_is_no_hidden_number() -> None:
    svg = str(bar_chart([bar("2025", None, unknown=True), bar("2024", 9)], chart_id="x", title="t", description="d"))
    assert len(rects(svg, "chart-unknown")) == 1
    assert rects(svg, "chart-open") == []
    assert "fill" not in rects(svg, "chart-unknown")[0]


def test_a_given_top_is_the_longest_bar_there_could_be() -> None:
    svg = str(bar_chart([bar("a", 500)], chart_id="x", title="t", description="d", top=1000))
    assert rects(svg, "chart-bar")[0]["width"] == "37.0%"


def test_long_numbers_leave_each_other_room() -> None:
    long = Bar("2024", Figure(332341, 332351), "332,341 / 332,351")
    svg = str(bar_chart([long], chart_id="x", title="t", description="d"))
    assert rects(svg, "chart-bar")[0]["width"] == "52.8%"
    hangul = Bar("2024", Figure(40, 40), "과부하(40건 이상)")
    assert rects(str(bar_chart([hangul], chart_id="x", title="t", description="d")), "chart-bar")[0]["width"] == "52.8%"


def test_a_long_label_is_broken_and_still_reads_the_same() -> None:
    label = "Busan + Gyeongnam + Daegu + Gyeongbuk + Ulsan"
    svg = str(bar_chart([bar(label, 50), bar("Jeju", 5)], chart_id="x", title="t", description="d"))
    assert texts(svg)[0] == label
    lines = [each.text or "" for each in parsed(svg).iter("tspan")]
    assert len(lines) == 1
    assert max(len(line) for line in lines) <= 36
    assert parsed(svg).get("height") == str(2 * 52 + 19)
    korean = str(bar_chart([bar("부산 + 경남 + 대구 + 경북 + 울산", 50)], chart_id="x", title="t", description="d"))
    assert korean.count("<tspan") == 0  # 5 names of two letters, twice as wide
    longer = str(
        bar_chart([bar("충남 + 충북 + 대전 + 세종 + 중앙 + 광주", 50)], chart_id="x", title="t", description="d")
    )
    assert longer.count("<tspan") == 1


def test_grouped_bars_share_a_scale_and_say_what_they_are() -> None:
    groups = [
        Group("30s", (bar("30s, Female", 100, short="Female"), bar("30s, Male", None, short="Male"))),
        Group("40s", (bar("40s, Female", 50, short="Female"),)),
    ]
    svg = str(grouped_chart(groups, chart_id="x", title="t", description="d"))
    widths = [float(each["width"][:-1]) for each in rects(svg, "chart-bar")]
    assert widths[0] == 2 * widths[1]
    assert texts(svg) == ["30s", "Female", "100", "Male", "hidden", "40s", "Female", "50"]
    assert [each.text for each in parsed(svg).iter("title")][1:] == ["30s, Female", "30s, Male", "40s, Female"]
    assert [each["width"] for each in rects(svg, "chart-open")] == ["6.0%"]


def test_strips_share_a_scale_and_mark_what_is_hidden() -> None:
    strips = [
        Group("Synthesis", (bar("2025-Q4", 40), bar("2026-Q1", 80))),
        Group("Other", (bar("2025-Q4", 20), Bar("2026-Q1", HIDDEN, "*"))),
    ]
    svg = str(strips_chart(strips, ["2025-Q4", "2026-Q1"], chart_id="x", title="t", description="d"))
    heights = [float(each["height"]) for each in rects(svg, "chart-bar")]
    assert heights == [20, 40, 10]
    hidden = rects(svg, "chart-open")
    assert [(each["width"], each["height"]) for each in hidden] == [("6.0%", "10")]
    assert texts(svg) == ["Synthesis", "40", "80", "Other", "20", "*", "Q4", "2025", "Q1", "2026"]


def test_every_chart_escapes_its_words_and_sets_no_style() -> None:
    nasty = Group("<b>&", (bar("<i>", 7, short="<u>"), bar("x", None, short="y")))
    for svg in (
        str(bar_chart(nasty.bars, chart_id="x", title="<t>", description="<d>")),
        str(grouped_chart([nasty], chart_id="x", title="<t>", description="<d>")),
        str(strips_chart([nasty], ["2026-Q1"], chart_id="x", title="<t>", description="<d>")),
    ):
        assert not re.search(r"<(b|i|u|t|d)>", svg)
        assert not re.search(r"\b(style|data-[a-z]+|aria-label)=", svg)
        root = parsed(svg)
        assert (root.get("role"), root.get("aria-labelledby")) == ("img", "x-title x-desc")


def test_bands_for_several_months_keep_the_first() -> None:
    assert levels() == (5, 10, 25, 50, 100)
    assert levels(3) == (5, 30, 75, 150, 300)
    assert [level(Figure(n, n), 3) for n in (5, 29, 30, 299, 300)] == [0, 0, 1, 3, 4]
