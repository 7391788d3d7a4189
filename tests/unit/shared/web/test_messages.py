import re
from pathlib import Path

import pytest

from shared.web.messages import Unit, add_missing, findings, marked, units
from shared.web.problems import TITLES
from shared.web.translations import SHARED_LOCALE, STAFF, load, read_catalog
from tests.unit.shared.web.small_site import SITE

ROOT = Path(__file__).resolve().parents[4]
SHARED = Unit("shared", ROOT / "shared" / "web")


def _unit(folder: Path, template: str, catalogue: str = "", python: str = "") -> Unit:
    (folder / "templates").mkdir(parents=True)
    (folder / "locale").mkdir()
    (folder / "templates" / "a.html").write_text(template)
    (folder / "words.py").write_text(python)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (folder / "locale" / "ko.po").write_text(header + catalogue)
    return Unit(folder.name, folder)


def test_every_shared_text_has_its_korean_and_none_is_left_over() -> None:
    assert [str(f) for f in findings(units(ROOT)) if f.unit == "shared"] == []


def test_no_korean_text_can_be_read_as_if_staff_had_written_the_report() -> None:
    """담당자가 적은 내용을 읽어요: who wrote it, and who reads it?"""
    texts = [str(message.string) for unit in units(ROOT) for message in read_catalog(unit.locale)]
    assert [text for text in texts if re.search("(담당자|상담원|센터)가 적은 (내용|글)", text)] == []


FRIENDLY = re.compile(r"(?:[가-힣]요|세요)(?=[.!?…”’)]|$)")
"""해요체, as people are spoken to who report; staff are spoken to in 합니다체. Not 필요, 주요 and the like."""
NOUNS = re.compile("필요|주요|수요|개요|아니요")
OF_REFUSALS = ("app", "authorization", "form_body", "middleware", "problems", "same_origin", "validation_errors")


def friendly(text: str) -> bool:
    return bool(FRIENDLY.search(NOUNS.sub("", text)))


@pytest.mark.parametrize("service", ["analytics", "identity", "notify", "routing"])
def test_services_for_staff_speak_to_them_in_one_level_of_politeness(service: str) -> None:
    texts = [str(message.string) for message in read_catalog(ROOT / "services" / service / "locale")]
    assert [text for text in texts if friendly(text)] == []


def test_a_refusal_speaks_to_staff_as_their_pages_do() -> None:
    """One English text, two Korean ones: 찾을 수 없어요 to whoever reports, 찾을 수 없습니다 to staff."""
    korean = load([SHARED_LOCALE])["ko"]
    places = {*(f"{name}.py" for name in OF_REFUSALS), "templates/problem.html"}
    refusals = [text for (_, text), where in marked(SHARED.folder).items() if where.partition(":")[0] in places]
    assert len(refusals) > len(TITLES)
    only_public = {
        "If online reporting does not work, call 1366.",
        "More can be added later with the receipt number.",
    }
    said = {text: korean.pgettext(STAFF, text) for text in refusals if text not in only_public}
    assert {text: korean for text, korean in said.items() if friendly(korean)} == {}
    assert korean.gettext("Not found.") == "찾을 수 없어요."


def test_what_is_wrong_with_a_field_is_told_to_operators_as_staff_are_spoken_to() -> None:
    """골라 주세요 to whoever reports, 선택하십시오 to the operator who types what a caller says."""
    intake = ROOT / "services" / "intake"
    korean = load([SHARED_LOCALE, intake / "locale"])["ko"]
    places = {"webform/form.py", "receipts/authentication.py"}
    told = [text for (_, text), where in marked(intake).items() if where.partition(":")[0] in places]
    never_on_the_phone = re.compile("fingerprint|message|12 digits")
    said = {text: korean.pgettext(STAFF, text) for text in told if not never_on_the_phone.search(text)}
    assert len(said) > 40
    options = re.compile("‘[^’]*’")  # as they stand on the page, which asks what the caller is asked
    assert {text: korean for text, korean in said.items() if friendly(options.sub("", korean))} == {}


def test_the_small_site_is_complete() -> None:
    own = [f for f in findings([SHARED, Unit("site", SITE)]) if f.unit == "site"]
    # The titles are given to create_app by small_site.py, which lies beside the site.
    assert {f.text for f in own} == {"A small site", "It stores things."}


def test_texts_are_found_in_templates_and_modules(tmp_path: Path) -> None:
    unit = _unit(
        tmp_path / "x",
        '{{ _("One") }}{% trans n=2 %}Two {{ n }}{% endtrans %}{{ ngettext("%(num)s report", "%(num)s reports", 3) }}',
        python='W = gettext_noop("Three")\nN = n("Four")\nO = other("Five")\n',
    )
    assert {text for _, text in marked(unit.folder)} == {"One", "Two %(n)s", "%(num)s report", "Three", "Four"}


def test_what_is_missing_left_over_fuzzy_or_differs_is_found(tmp_path: Path) -> None:
    unit = _unit(
        tmp_path / "x",
        '{{ _("Missing") }}{{ _("Empty") }}{{ _("Wait %(s)s", s=1) }}{{ _("Guess") }}{{ _("Sign in") }}',
        'msgid "Empty"\nmsgstr ""\n\nmsgid "Wait %(s)s"\nmsgstr "기다려 주세요"\n\nmsgid "Old"\nmsgstr "옛"\n\n'
        '#, fuzzy\nmsgid "Guess"\nmsgstr "짐작"\n',
    )
    found = {(f.kind, f.text) for f in findings([SHARED, unit]) if f.unit == "x"}
    assert found == {
        ("without Korean", "Missing"),
        ("without Korean", "Empty"),
        ("other holes", "Wait %(s)s"),
        ("used nowhere", "Old"),
        ("fuzzy", "Guess"),
    }


def test_missing_entries_are_appended_for_a_person_to_fill_in(tmp_path: Path) -> None:
    unit = _unit(tmp_path / "x", "", 'msgid "Empty"\nmsgstr ""\n\nmsgid "In %(s)s"\nmsgstr "%(s)s 안"\n\n')
    before = (unit.locale / "ko.po").read_text(encoding="utf-8")
    add_missing(unit, ["Missing", 'Two\n"lines"', "Empty"])
    after = (unit.locale / "ko.po").read_text(encoding="utf-8")
    assert after.startswith(f'{before}\nmsgid "Missing"\nmsgstr ""\n')
    keys = [message.id for message in read_catalog(unit.locale)]
    assert keys[1:] == ["Empty", "In %(s)s", "Missing", 'Two\n"lines"']
    add_missing(unit, ["Missing"])
    assert (unit.locale / "ko.po").read_text(encoding="utf-8") == after
