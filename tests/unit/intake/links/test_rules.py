import hashlib

import pytest

from services.intake.encryption.keys import KeyedDigests
from services.intake.links import rules as link_rules
from services.intake.links.rules import digests_of, normal_handle

KEY = KeyedDigests(b"l" * 32)


@pytest.mark.parametrize(
    "typed",
    [
        "@BadGuy_1",
        "badguy_1",
        "telegram: @badguy_1",
        "텔레그램 badguy_1",
        "https://t.me/BadGuy_1",
        "t.me/badguy_1/",
        "ＢａｄＧｕｙ＿１",
        "instagram.com/badguy_1?igsh=x",
        "인스타 아이디: bad\u200bguy_1",
    ],
)
def test_an_account_has_one_form_wherever_it_is_from(typed: str) -> None:
    assert normal_handle(typed) == "badguy_1"


@pytest.mark.parametrize("typed", ["010-1234-5678", "+82 10 1234 5678", "(010) 1234.5678", "+82 010-1234-5678"])
def test_so_has_a_phone_number(typed: str) -> None:
    assert normal_handle(typed) == "phone 01012345678"


@pytest.mark.parametrize("typed", ["김민수", "@abc", "", "   ", "telegram:", "https://example.com/"])
def test_what_many_share_is_none(typed: str) -> None:
    assert normal_handle(typed) is None


def test_a_name_that_begins_like_a_platform_stays_whole() -> None:
    assert normal_handle("xavier_99") == "xavier_99"
    assert normal_handle("linebreaker") == "linebreaker"


def digests(**parts: list[str]) -> set[str]:
    return set(digests_of(KEY, parts, synthetic=False))


def test_the_same_thing_gives_the_same_digest_whoever_says_it() -> None:
    assert digests(urls=["https://www.example.com/a/"]) == digests(urls=["http://example.com/a"])
    assert digests(urls=["https://example.com/u/1"]) == digests(offender_handles=["https://example.com/u/1"])
    assert len(digests(urls=["https://a.example/1", "https://a.example/1#x"], fingerprints=["ab" * 32])) == 2


def test_kinds_keys_and_drills_are_kept_apart() -> None:
    one = digests(fingerprints=["ab" * 32])
    assert one.isdisjoint(digests(offender_handles=["ab" * 32]))
    assert one.isdisjoint(digests_of(KeyedDigests(b"k" * 32), {"fingerprints": ["ab" * 32]}, synthetic=False))
    assert one.isdisjoint(digests_of(KEY, {"fingerprints": ["ab" * 32]}, synthetic=True))


def test_digests_are_those_that_older_reports_have() -> None:
    assert digests(fingerprints=["ab" * 32]) == {"5f4941cdd5294ad7dac37cc07cb8845e"}
    assert digests_of(KEY, {"fingerprints": ["ab" * 32]}, synthetic=True) == ("183118358592b3d59d67ad8ce2794bec",)


def test_a_digest_says_nothing_without_the_key() -> None:
    [digest] = digests(fingerprints=["ab" * 32])
    assert digest != hashlib.sha256(b"ab" * 32).hexdigest()[:32]
    assert "ab" * 8 not in digest


def test_the_empty_file_and_empty_parts_link_nothing() -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert not digests_of(KEY, {"fingerprints": [empty], "urls": None, "offender_handles": ["@a"]}, synthetic=False)


def test_at_most_ten_are_named_new_ones_first() -> None:
    known = [f"k{number}" for number in range(10)]
    assert link_rules.newest(["n1", "k3"], known) == ("n1", "k3", "k0", "k1", "k2", "k4", "k5", "k6", "k7", "k8")
    assert (
        len(link_rules.merged([str(n) for n in range(95)], [str(n) for n in range(90, 120)])) == link_rules.MOST_DIGESTS
    )
