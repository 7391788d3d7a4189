"""The monthly report: two pages that say what the tables say, the same each time, and none without Korean letters."""

import io
import json

import pytest
from pypdf import PdfReader

from services.analytics.monthly import NoFontError, typeset
from services.analytics.policy.definitions import DEFINITIONS
from services.analytics.policy.releasing import of_month
from services.analytics.policy.tables import build, exists
from services.analytics.rendering.monthly import report
from tests.unit.analytics.test_doors import NOW
from tests.unit.analytics.test_exports import get, numbers
from tests.unit.analytics.test_tables import made, period, some_counts


async def test_the_monthly_report_is_two_pages_and_the_same_each_time() -> None:
    first, second = (await get("/api/v1/monthly/2026-12.pdf")), (await get("/api/v1/monthly/2026-12.pdf"))
    assert first.content == second.content, "two processes make the same bytes"
    reader = PdfReader(io.BytesIO(first.content))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) == 2
    assert "2026년 12월" in text
    assert "372건" in text
    assert "앞 달과 같습니다" in text
    assert "대전 + 세종 + 중앙 16" in text
    assert "세종 비공개" in text
    assert "12.1.~12.6. (6일)" in text, "a week that the month cuts says so"
    assert "12.7.~12.13. " in text
    shown = {n for (_, _), n in numbers(made("reports-by-center", "2026-12")).items() if n is not None}
    assert all(str(n) in text for n in shown)


@pytest.mark.parametrize("step", ["full", "regions", "whole"])
def test_the_report_is_two_pages_on_every_step_of_the_ladder(step: str) -> None:
    counts = [some_counts(month) for month in ("2026-09", "2026-10")]
    months = [of_month(each, "2026-11-04T00:00:00Z", step) for each in counts]
    tables = {d.name: build(d, period("2026-10"), months) for d in DEFINITIONS.values() if exists(d, months[1])}
    before = build(DEFINITIONS["reports-by-center"], period("2026-09"), months)
    data = report(tables, [before] * 11, None, str, str)
    reader = PdfReader(io.BytesIO(typeset(json.dumps(data), NOW)))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) == 2
    assert ("따로 공개하지 않는 곳: " in text) == (step != "full")
    assert "372건" in text


def test_without_a_korean_font_it_says_so() -> None:
    with pytest.raises(NoFontError, match="no font with Korean letters"):
        typeset("{}", NOW, families=("A family nobody has",))
