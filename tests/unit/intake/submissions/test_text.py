import base64
import random
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.intake.submissions import text

NUMBERS = [
    "900101-1234567",
    "9001011234567",
    "900101 1234567",
    "900101 - 1234567",
    "900101–2234567",
    "９００１０１-１２３４５６７",
    "제 번호는 040229-4123456입니다",
    "111231-3000000 그리고",
    "880630-5123456",
    "번호900101.1234567끝",
]
NO_NUMBERS = [
    "010-1234-5678",
    "01012345678",
    "+8201012345678",
    "+82 10-1234-5678",
    "02-735-8994",
    "1366",
    "1234-5678-9012-3450",
    "1234567890123450",
    "901301-1234567",
    "900230-1234567",
    "900101-9234567",
    "900101-1******",
    "900101-123456",
    "900101-12345678",
    "1900101-1234567",
    "2024-08-24 12:30:11",
    "계좌 110-123-456789",
    "국민 943202-01-123456",
]


@pytest.mark.parametrize("value", NUMBERS)
def test_registration_numbers_are_seen_in_prose(value: str) -> None:
    assert text.refused(value) == text.REGISTRATION_NUMBER


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_phone_numbers_receipts_and_dates_are_left_alone(value: str) -> None:
    assert text.refused(value) is None


@given(
    st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 12, 31)),
    st.integers(0, 999_999),
    st.booleans(),
    st.sampled_from(["", "-", " ", " - ", "－"]),
)
def test_every_number_with_a_real_birth_date_is_seen(birth: date, tail: int, female: bool, between: str) -> None:
    century = (1 if birth.year < 2000 else 3) + female
    assert text.refused(f"민번 {birth:%y%m%d}{between}{century}{tail:06d} 입니다") == text.REGISTRATION_NUMBER


@given(
    st.dates(min_value=date(1930, 1, 1), max_value=date(2014, 12, 31)),
    st.integers(0, 99_999),
    st.booleans(),
    st.sampled_from(["", "-", " ", " - ", "."]),
)
def test_no_name_is_needed_for_a_number_of_somebody_alive(birth: date, tail: int, female: bool, between: str) -> None:
    century = (1 if birth.year < 2000 else 3) + female
    number = with_check_digit(f"{birth:%y%m%d}{century}{tail:05d}")
    assume(between or not number.startswith("82010"))  # as long as a mobile number with country code
    assert text.refused(f"그 사람은 {number[:6]}{between}{number[6:]} 입니다") == text.REGISTRATION_NUMBER


@given(st.dates(min_value=date(2015, 1, 1), max_value=date(2020, 9, 30)), st.integers(0, 99_999), st.sampled_from("34"))
def test_a_childs_number_is_told_from_an_order_of_that_day_by_its_check_digit(
    birth: date, tail: int, century: str
) -> None:
    number = with_check_digit(f"{birth:%y%m%d}{century}{tail:05d}")
    assert text.refused(f"아이는 {number}") == text.REGISTRATION_NUMBER
    assert text.refused(f"주문번호 {number}") is None


def with_check_digit(digits: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    return f"{digits}{(11 - total % 11) % 10}"


@given(st.integers(10_000_000, 99_999_999), st.sampled_from(["010", "+82 10", "82-10", "+8210", "+82010", "82010"]))
def test_no_mobile_number_is_taken_for_one(number: int, prefix: str) -> None:
    digits = str(number)
    for shape in (f"{prefix}{digits}", f"{prefix}-{digits[:4]}-{digits[4:]}", f"{prefix} {digits[:4]} {digits[4:]}"):
        assert text.refused(shape) is None


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://example.com/?t=1701234567890", None),
        ("https://example.com/240824/1055513", None),
        ("https://example.com/900101-1234567", text.REGISTRATION_NUMBER),
        ("https://example.com/?q=900101%2D1234567", text.REGISTRATION_NUMBER),
        ("https://example.com/?id=9001011234567", text.REGISTRATION_NUMBER),
        ("https://example.com/status/1827391827391827391", None),
    ],
)
def test_links_may_carry_timestamps_but_no_registration_numbers(link: str, reason: str | None) -> None:
    assert text.refused(link, link=True) == reason


def encoded(magic: bytes, size: int = 90) -> str:
    return base64.b64encode(magic + random.Random(1).randbytes(size)).decode()


MAGIC = {
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    "jpeg camera": b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "gif": b"GIF89a\x01\x00",
    "webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "mp4": b"\x00\x00\x00\x20ftypisom",
    "mov": b"\x00\x00\x00\x14ftypqt  ",
    "heic": b"\x00\x00\x00\x18ftypheic",
    "webm": b"\x1aE\xdf\xa3\x01\x00\x00\x00",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04\x14\x00",
    "bmp": b"BM\x36\x00\x0c\x00\x00\x00",
}


@pytest.mark.parametrize("name", MAGIC)
@pytest.mark.parametrize("alphabet", ["standard", "url"])
def test_encoded_files_are_seen_by_their_first_bytes(name: str, alphabet: str) -> None:
    body = encoded(MAGIC[name])
    if alphabet == "url":
        body = body.replace("+", "-").replace("/", "_")
    assert text.refused(f"사진이에요: {body}") == text.MEDIA
    assert text.refused(f"https://example.com/?d={body}", link=True) == text.MEDIA


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AAAA",
        "DATA:video/mp4;base64,AAAA",
        "data:;base64,AAAA",
        "data:image/svg+xml,%3Csvg%3E",
        "<svg xmlns='http://www.w3.org/2000/svg'>",
        encoded(b"", 400),
        "\n".join(encoded(b"", 400)[i : i + 76] for i in range(0, 532, 76)),
    ],
)
def test_data_addresses_and_long_runs_are_media(value: str) -> None:
    assert text.refused(value) == text.MEDIA


@pytest.mark.parametrize(
    "value",
    [
        "=" * 300 + "\n" + "-" * 300,
        "ㅠ" * 300 + "a" * 300,
        "The data: image and video were shared again and again. " * 40,
        "단체방에 제 사진이 올라왔어요. 지워 주세요. " * 80,
        "https://example.com/" + "/".join(["album"] * 20),
        "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90\n" * 9,
    ],
)
def test_prose_lines_and_fingerprints_are_not_media(value: str) -> None:
    assert text.refused(value) is None


def test_a_link_with_a_long_signature_is_not_media() -> None:
    token = base64.urlsafe_b64encode(random.Random(3).randbytes(300)).decode()
    assert text.refused(f"https://cdn.example.com/v/p.jpg?oh={token}", link=True) is None


@pytest.mark.timeout(30)
def test_no_text_keeps_the_recognisers_for_ever() -> None:
    for pair in ("%41,", "-%41", " =41", "41, %", "&#41;", "\\x41, ", "0x41,", "#41 #", "41,\\"):
        for count in (63, 1_000):
            for end in ("", "z" * 300):
                text.refused((pair * count)[:4_000] + end)
                text.refused((pair * count)[:2_000], link=True)


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85", "\u202e"])
def test_control_characters_are_refused(sign: str) -> None:
    assert text.refused(f"a{sign}b") == text.CONTROL


def test_line_ends_tabs_and_emoji_are_welcome() -> None:
    assert text.refused("첫 줄\r\n둘째\t줄 👩‍👧 ok") is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_the_recogniser_never_fails(value: str) -> None:
    assert text.refused(value) in {None, text.CONTROL, text.MEDIA, text.REGISTRATION_NUMBER}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "/",
                "?a=",
                "&",
                "-",
                "900101",
                "1234567",
                "2401011",
                "iVBORw0KGgo",
                "AAAB",
                "data:image/png;",
                "x",
                "9" * 11,
            ]
        ),
        max_size=9,
    ).map("".join)
)
def test_a_plain_address_is_judged_as_any_other(path: str) -> None:
    address = f"https://example.com/{path}"
    assert text.refused_in_plain_address(address) == text.refused(address, link=True)
