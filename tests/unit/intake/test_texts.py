"""Every sentence of intake exists in Korean, and no Korean sentence is left over."""

import ast
import re
from pathlib import Path

import pytest
from jinja2 import Environment

from services.intake.webform import safety_texts
from shared.web import translations

ROOT = Path(__file__).parents[3] / "services" / "intake"
STAFF_CAPABILITIES = ("phone", "staff_access", "retention", "clients", "callbacks", "sandbox")
READ_ALOUD = "scripts.py"
"""What an operator reads to a caller is addressed to the public."""
STAFF_TEMPLATES = ("call", "erasure", "confirm", "details", "client", "writ", "correspondence", "sandbox")
"""How the names of those templates begin that only staff and builders of front ends read: in another tone."""


def for_staff(path: Path) -> bool:
    if path.suffix == ".html":
        return path.name.startswith(STAFF_TEMPLATES)
    if path.name == "problem_table.py":
        return True  # for those who build front ends
    return path.parent.name in STAFF_CAPABILITIES and path.name != READ_ALOUD


def of_templates(*, staff: bool = True) -> set[str]:
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    return {
        str(message[0] if isinstance(message, tuple) else message)  # a tuple where the text has holes
        for path in (ROOT / "templates").glob("*.html")
        if staff or not for_staff(path)
        for _, _, message in environment.extract_translations(path.read_text())  # type: ignore[attr-defined]  # the extension's
        if message is not None  # a text that Python chose, and marked where it stands
    }


def of_sources(*, staff: bool = True) -> set[str]:
    return {
        node.args[0].value
        for path in ROOT.rglob("*.py")
        if staff or not for_staff(path)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"n", "gettext_noop"}
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def korean(folder: Path) -> dict[str, str]:
    found = [m for m in translations.read_catalog(folder) if m.id and m.string and not m.context]
    return {_first(m.id): _first(m.string) for m in found}


def _first(text: object) -> str:
    """The text itself; of one that depends on a number the first, which the templates' side has as well."""
    return str(text[0] if isinstance(text, (tuple, list)) else text)


def test_every_text_has_its_korean() -> None:
    have = korean(ROOT / "locale").keys() | korean(translations.SHARED_LOCALE).keys()
    wanted = of_templates() | of_sources()
    assert len(wanted) > 100
    assert wanted - have == set()


def test_no_korean_is_left_over() -> None:
    assert korean(ROOT / "locale").keys() - of_templates() - of_sources() == set()


def test_placeholders_are_the_same_in_both_languages() -> None:
    texts = korean(ROOT / "locale")
    assert {k: v for k, v in texts.items() if translations.placeholders(k) != translations.placeholders(v)} == {}


@pytest.mark.parametrize("word", ["합니다", "습니다", "하십시오"])
def test_the_public_is_addressed_in_one_tone(word: str) -> None:
    public = of_templates(staff=False) | of_sources(staff=False)
    texts = korean(ROOT / "locale")
    assert len(public) > 100
    assert [text for key, text in texts.items() if key in public and word in text] == []


def test_staff_are_addressed_in_another_tone() -> None:
    public = of_templates(staff=False) | of_sources(staff=False)
    texts = korean(ROOT / "locale")
    assert [text for key, text in texts.items() if key not in public and text.rstrip(".?!").endswith("요")] == []


def test_no_mark_between_links_stands_alone_at_the_end_of_a_line_on_a_phone() -> None:
    pages = [path for path in (ROOT / "templates").glob("*.html") if not for_staff(path)]
    assert len(pages) > 10
    assert [path.name for path in pages if " · " in path.read_text()] == []


def test_what_a_receipt_for_others_shows_is_said_alike_everywhere() -> None:
    """What is shown of such a report: received, seen by a person, closed, and answers to whoever holds the receipt."""
    texts = korean(ROOT / "locale")
    said = {
        english: text for english, text in texts.items() if "shows only" in english and "receipt number" not in english
    }
    assert len(said) == 5
    for english, text in said.items():
        assert (
            "only whether somebody has seen it, whether it is closed, and answers that the centre leaves for" in english
        )
        assert re.search("담당자가 확인했는지, 끝났는지, 그리고 센터가 (?:[가-힣 ]+ )?남긴 답장만", text), text
    assert [one for one in texts if "received and closed" in one or "only that the report arrived" in one] == []


def test_nobody_is_promised_an_alert_that_quiet_hours_hold_back() -> None:
    """Notify may be told of hours in which alerts of normal urgency wait (NOTIFY_QUIET_HOURS)."""
    texts = korean(ROOT / "locale")
    said = of_templates() | of_sources()
    waiting = [english for english in said if "until someone answers" in english]
    assert len(waiting) == 6
    for english in waiting:
        assert "At night, alerts about what is not urgent may wait until morning." in english
        assert "급하지 않은 신고의 알림은 밤에는 아침까지 미뤄질 수 있어요." in texts[english]
    assert [english for english in said if "told at once" in english or "have been alerted" in english] == []


def test_a_report_is_taken_back_with_its_receipt_wherever_that_is_said() -> None:
    """One page said by phone and another by receipt: nobody is sent to 1366 for it."""
    texts = korean(ROOT / "locale").values()
    said = [one for text in texts for one in re.split(r"(?<=[.?!]) ", text) if "철회" in one]
    assert len(said) > 30
    assert [one for one in said if "1366" in one] == []
    assert [one for one in said if re.search("언제든 철회할 수|철회하거나 센터에", one) and "접수번호" not in one] == [
        "언제든 철회할 수 있고, 이유를 말하지 않아도 돼요."  # on the page of the receipt itself
    ]
    for language in safety_texts.load().values():
        assert "1366" not in language.texts["back_a"]
