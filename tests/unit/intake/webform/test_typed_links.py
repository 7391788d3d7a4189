import pytest

from services.intake.submissions import web_addresses
from services.intake.webform import typed_links
from services.intake.webform.typed_links import Seen, TypedLine


@pytest.mark.parametrize(
    ("typed", "found", "accounts", "words"),
    [
        ("https://example.com/1", ["https://example.com/1"], [], []),
        ("t.me/abcd", ["https://t.me/abcd"], [], []),
        ("example.com", ["https://example.com"], [], []),
        ("hxxps://example.com/1", ["https://example.com/1"], [], []),
        ("링크:https://example.com/1", ["https://example.com/1"], [], []),
        ("(https://example.com/1).", ["https://example.com/1"], [], []),
        ("https://example.com/a, https://example.com/b", ["https://example.com/a", "https://example.com/b"], [], []),
        ("- x.com/abc (댓글 3번째)", ["https://x.com/abc"], [], ["댓글 3번째"]),
        ("t.me/abcd에서 봤어요", ["https://t.me/abcd"], [], ["봤어요"]),
        ("namu.wiki/w/홍길동", ["https://namu.wiki/w/홍길동"], [], []),
        ("https://example.com/board/2024년", ["https://example.com/board/2024년"], [], []),
        ("@handle", [], ["@handle"], []),
        ("인스타 @my.daily_log", [], ["인스타 @my.daily_log"], []),
        ("@a_b 이 사람이 여러 번 올렸어요", [], ["@a_b"], ["이 사람이 여러 번 올렸어요"]),
        ("@one @two", [], ["@one", "@two"], []),
        ("제 별명을 치면 나와요", [], [], ["제 별명을 치면 나와요"]),
        ("photo.jpg", [], [], ["photo.jpg"]),
        ("my.name99", [], [], ["my.name99"]),
        ("me@example.com", [], [], ["me@example.com"]),
        ("javascript:alert(1)", ["javascript:alert(1)"], [], []),
        ("ftp://example.com/a", ["ftp://example.com/a"], [], []),
        ("http://", ["http://"], [], []),
        (" \t ", [], [], []),
        ("---", [], [], []),
    ],
)
def test_a_line_is_taken_for_what_it_is(typed: str, found: list[str], accounts: list[str], words: list[str]) -> None:
    seen = typed_links.read(typed)
    assert [[line.text for line in part] for part in (seen.links, seen.accounts, seen.words)] == [
        found,
        accounts,
        words,
    ]


def test_each_part_knows_its_line() -> None:
    seen = typed_links.read("t.me/abcd\n\n @handle \nt.me/b 저기")
    assert [(line.number, line.typed) for line in seen.links] == [(1, "t.me/abcd"), (4, "t.me/b 저기")]
    assert [(line.number, line.typed) for line in seen.accounts] == [(3, "@handle")]
    assert [line.number for line in seen.words] == [4]


@pytest.mark.parametrize(
    "text", ["t.me/a", "www.x.yz1.kr", "sub.example.co.kr:8080/a?b=c", "한국.com", "EXAMPLE.COM/a"]
)
def test_an_address_without_scheme_is_completed(text: str) -> None:
    assert web_addresses.completed(text) == f"https://{text}"


@pytest.mark.parametrize(
    "text", ["x", "javascript:alert(1)", "a.jpg", "my.name", "me@example.com", "data:image/png", "", "1.5"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert web_addresses.completed(text) == text


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "line",
    ["." * 60_000 + "x", "'" * 60_000 + "가", "https://" * 7_500 + "!", "a." * 30_000],
    ids=["full stops", "quotes", "schemes", "labels"],
)
def test_a_line_as_long_as_a_form_is_read_in_time(line: str) -> None:
    seen = typed_links.read(line)
    assert len([*seen.links, *seen.accounts, *seen.words]) == 1


@pytest.mark.parametrize("piece", ["a\n", "t.me/a ", "@name ", "1.1.1.1\n"])
def test_a_box_that_holds_more_than_a_report_is_not_taken_apart(piece: str) -> None:
    box = piece * 20_000
    assert typed_links.read(box) == Seen(words=[TypedLine(1, box.strip().splitlines()[0], box.strip())])


def test_all_that_a_report_takes_is_read() -> None:
    links = [f"https://example.com/{number}" for number in range(20)]
    accounts = [f"@name{number}" for number in range(10)]
    seen = typed_links.read("\n".join([*links, *accounts, "말 " * 2000]))
    assert ([line.text for line in seen.links], [line.text for line in seen.accounts]) == (links, accounts)
    assert len(seen.words[-1].text) == 3999
