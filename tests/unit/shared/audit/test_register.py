"""A register that lines of the audit vouch for: what differs from what they say is found, whoever made the digests."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import DatetimeMS

from shared.audit.chain import START, AuditKeys, link
from shared.audit.model import ChainEntry
from shared.audit.register import NOTHING_BEFORE, digest, register_findings, vouch

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEYS = AuditKeys(b"k" * 32)
CONTENT = [{"period": f"2026-{month:02d}", "tables": {"reports": {"total": 20 + month}}} for month in (8, 9, 10)]


class Register:
    """A collection of entries."""

    def __init__(self, *contents: dict[str, Any]) -> None:
        self.documents: list[Any] = []
        before = NOTHING_BEFORE
        for number, content in enumerate(contents):
            before = digest(number, content, before)
            self.documents.append({"_id": number, "digest": before, **content})

    def find(self, *_: Any, **__: Any) -> "Register":
        return self

    async def to_list(self, _: None) -> list[Any]:
        return self.documents

    def lines(self, *numbers: int) -> list[ChainEntry]:
        """That vouch for so many entries of it."""
        return link(KEYS, "analytics", [vouch(n, self.documents[n - 1]["digest"], NOW) for n in numbers], 0, START)


async def found(register: Any, lines: list[ChainEntry]) -> list[str]:
    return [str(finding) for finding in await register_findings(register, lines)]


async def test_a_register_that_grew_since_is_as_it_was() -> None:
    register = Register(*CONTENT)
    assert await found(register, []) == [], "nothing says what it was"
    assert await found(register, register.lines(1, 2, 2)) == []
    assert await found(register, register.lines(3)) == []


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_one_that_was_written_anew_with_its_digests_is_found_by_any_line_from_there_on(number: int) -> None:
    before = Register(*CONTENT)
    changed = [{**each, "as_of": "2026-11-30"} if at == number else each for at, each in enumerate(CONTENT)]
    for vouched in (1, 2, 3):
        findings = await found(Register(*changed), before.lines(vouched))
        assert bool(findings) == (vouched > number)
    (finding,) = await found(Register(*changed), [*before.lines(1, 2, 3), *Register(*changed).lines(3)])
    assert finding == (
        f"rewritten: the register of releases is not what line {number + 1} vouches for: it differs up to entry"
        f" {number + 1}"
    )


async def test_an_entry_that_is_gone_or_no_entry_is_found() -> None:
    whole = Register(*CONTENT)
    assert await found(Register(*CONTENT[:2]), whole.lines(3))
    assert await found(Register(), whole.lines(1))
    for damage in ({"_id": "1"}, {"as_of": DatetimeMS(2**60)}, {"period": "2026-12"}):
        register = Register(*CONTENT)
        register.documents[1].update(damage)
        assert await found(register, whole.lines(3)), damage


async def test_a_line_that_says_no_number_is_found() -> None:
    (line,) = link(KEYS, "analytics", [vouch(1, "", NOW)], 0, START)
    (odd,) = link(KEYS, "analytics", [vouch(1, "", NOW)], 0, START)
    odd.detail["entries"] = "all"  # type: ignore[index]  # as in the store
    assert [len(await found(Register(*CONTENT), [each])) for each in (line, odd)] == [1, 1]
