import re
import unicodedata
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.links.addresses import normal_address

SAME: list[tuple[str, ...]] = [
    (
        "https://example.com/post/1",
        "http://example.com/post/1/",
        "https://www.example.com/post/1",
        "HTTPS://EXAMPLE.com/post/1",
    ),
    (
        "https://example.com/post/1",
        "https://m.example.com/post/1#comments",
        "https://example.com./post/1?utm_source=x&fbclid=y",
    ),
    (
        "https://example.com/post/1",
        "https://example.com:443/a/../post//1",
        "http://somebody:word@example.com:80/post/./1",
    ),
    ("https://example.com/b?id=1&page=2", "https://mobile.example.com/b?page=2&id=1&igsh=abc&ref=me"),
    ("https://한글.kr/가나", "https://xn--bj0bj06e.kr/%EA%B0%80%EB%82%98", "https://한글.KR/%ea%b0%80%eb%82%98/"),
    ("https://example.com/cafe\u0301", "https://example.com/caf\u00e9"),
    ("https://example.com/%7Euser", "https://example.com/~user"),
    ("https://example.com/folder/index.html", "https://example.com/folder/"),
    ("https://youtu.be/AbCdEf?si=x", "https://m.youtube.com/watch?v=AbCdEf&t=30s", "https://youtube.com/shorts/AbCdEf"),
    ("https://twitter.com/a/status/1?s=20", "https://x.com/a/status/1?t=q", "https://mobile.twitter.com/a/status/1"),
    ("https://t.me/s/channel/5", "https://t.me/channel/5", "https://telegram.me/channel/5"),
    ("https://example.com/#!/room/1", "http://www.example.com#!/room/1"),
]
APART: list[tuple[str, str]] = [
    ("https://example.com/post/1", "https://example.com/post/2"),
    ("https://example.com/post", "https://example.org/post"),
    ("https://example.com/AbC", "https://example.com/abc"),
    ("https://example.com/b?id=1", "https://example.com/b?id=2"),
    ("https://example.com/board?12345", "https://example.com/board?12346"),
    ("https://one.example.com/a", "https://two.example.com/a"),
    ("https://example.com:8080/a", "https://example.com/a"),
    ("https://example.com/a%2Fb", "https://example.com/a/b"),
    ("https://example.com/#/room/1", "https://example.com/#/room/2"),
    ("https://m.com/a", "https://com/a"),
]
NOTHING = [
    "https://example.com",
    "https://www.example.com/",
    "http://m.example.com/index.html",
    "https://example.com/?utm_source=mail#top",
    "ftp://example.com/a",
    "https://[::1",
    "https://example.com:notaport/a",
    "not an address",
    "",
]


@pytest.mark.parametrize("forms", SAME)
def test_one_thing_has_one_form(forms: tuple[str, ...]) -> None:
    assert len({normal_address(form) for form in forms}) == 1
    assert normal_address(forms[0]) is not None


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_things_have_two(one: str, other: str) -> None:
    assert normal_address(one) != normal_address(other)


@pytest.mark.parametrize("address", NOTHING)
def test_a_front_door_and_what_is_no_address_have_none(address: str) -> None:
    assert normal_address(address) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_taken_and_its_form_does_not_change_again(path: str, query: str) -> None:
    once = normal_address(f"https://example.com/{path}?{query}")
    if once is not None:
        assert normal_address(f"https://{once}") == once


WORDS = st.text(alphabet="abAB019_.~-=&%+ ;é/?", max_size=12)
NAMES = st.one_of(
    WORDS, st.sampled_from(["utm_x", "UTM_", "fbclid", "si", "oly_a_id", "oly_id", "_hsenc", "ref", "s", "t"])
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), WORDS)), max_size=5), st.sampled_from(["x.com", "example.com"]))
def test_the_quick_way_through_a_query_is_the_same_as_the_standard_library_s(
    given_pairs: list[tuple[str, str | None]], host: str
) -> None:
    query = "&".join(name if value is None else f"{name}={value}" for name, value in given_pairs)
    tracking = re.compile(
        r"^(?:utm_.*|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|igsh(?:id)?|mibextid|mc_[ce]id"
        r"|_ga|_gl|_hs.*|vero_id|oly_.*_id|ref|ref_src|ref_url|referrer|spm|si|feature|app|share_id|share|phpsessid"
        r"|jsessionid|sessionid|sid)$"
    )
    dropped = {"s", "t"} if host == "x.com" else set()
    kept = sorted(
        (name, unicodedata.normalize("NFC", value))
        for name, value in parse_qsl(unicodedata.normalize("NFC", query.rstrip()), keep_blank_values=True)
        if not tracking.match(name.lower()) and name.lower() not in dropped
    )
    shown = f"?{urlencode(kept)}" if kept else ""
    assert normal_address(f"https://{host}/a?{query}") == f"{host}/a{shown}"


@given(
    st.sampled_from(["example.com", "www.m.example.co.kr", "old.reddit.com", "youtu.be", "m.youtube.com", "t.me"]),
    st.lists(
        st.sampled_from(["a", "index.html", "index.htmlx", "s", "shorts", ".", "..", "a.b", "", "~x"]), max_size=4
    ),
    st.lists(
        st.sampled_from(["a=1", "b=2=3", "a", "=c", "", "utm_source=x", "oly_x_id=1", "v=3", "list=1"]), max_size=3
    ),
)
def test_a_plain_address_is_taken_apart_like_any_other(host: str, path: list[str], query: list[str]) -> None:
    address = f"https://{host}" + "".join(f"/{segment}" for segment in path)
    address += f"?{'&'.join(query)}" if query else ""
    # With a port, and a fragment that says nothing, it is not plain any more.
    other = address.replace(host, f"{host}:443", 1) + "#top"
    assert normal_address(address) == normal_address(other)
