"""Recognises resident and foreigner registration numbers in a normalised text. Pure.

A number has 13 digits: six of the birth date, one for century and gender, six more (주민등록법 시행규칙 art. 2).
Numbers given out since October 2020 carry no check digit, so the check digit only ever narrows a look-alike.

People write them in many ways, and write many other numbers that look alike. Every run of digits is cut into groups;
the lengths of the groups say whether it may be one, and then the date, what stands before it (a label) and what stands
behind it (a unit) decide.
"""

import calendar
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_LENGTH: Final = 13
_SHORTEST: Final = 11
"""With day and month in one digit each."""
_FRONT: Final = 6
_BACK: Final = 7
_DIGITS: Final = b"0123456789"
_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_COMPANY_WEIGHTS: Final = (1, 2) * 6
_MONTHS: Final = 12
_CENTURY: Final = 2000
_LAST_BIRTH_YEAR: Final = 2035
"""The last year of birth of any reporter; fixed, since a recogniser does not read the clock."""
_RECENT: Final = range(15, 30)
"""Years in which everyday dates lie: of messages, orders, file names, and of milliseconds since 1970."""

_BETWEEN: Final = r"(?:[^0-9A-Za-z가-힣]|[년월일생])"
_RUN: Final = re.compile(rf"[0-9](?<![0-9].)(?:{_BETWEEN}{{0,8}}[0-9]){{{_SHORTEST - 1},}}")
_GROUP: Final = re.compile(r"[0-9]+")

_DATED: Final = r"[24][12][12]|[68]"
_LENGTHS: Final = "0123456789abcd"
_CARD: Final = "67"
_DATE: Final = re.compile(r"[24][12][12].")
_FORMS: Final = re.compile(rf"(?=((?:{_DATED})(?:7|16|34|43)|d|1{{13}}(?!1)))")
"""Lengths of groups, in hexadecimal: how people write one among other numbers."""
_WHOLE_FORMS: Final = re.compile(r"(?:6|15|51|33|42|24|1{6}|222)(?:7|16|25|34|43|52|61|1{7}|223|2221|322|232|133|1222)")
"""Lengths that count only where nothing else stands beside the 13 digits."""

_PHONE: Final = re.compile(
    r"(?<![0-9])(?:(?:\+|00)?82[-. )]{0,2}\(?0?\)?[-. ]?|0)"
    r"(?:1[016789]|70|50[0-9]?|[2-6][1-5]?|80)[-. )]{0,2}[0-9]{3,4}[-. ]?[0-9]{4}(?![0-9])"
)
_MOBILE: Final = re.compile(r"82010[0-9]{8}")
"""With country code. Also the number of somebody born from 1 to 9 January 1982: without a label it is a telephone."""
_PERSON: Final = re.compile(
    r"주민\s*+(?:등록)?\s*(?:번호|증|[:=])|민번|민증|주번|신분증|외국인\s*+(?:등록)?\s*(?:번호|증)|거소\s*+(?:신고)?\s*번호"
    r"|resident\s+(?:registration\s+)?n(?:o|um)|\brrn\b|jumin|alien\s+registration|\barc\s+n",
    re.IGNORECASE,
)
"""Labels of such numbers. Here and below blanks are never given back: shared out between two places they could be read
in many ways, and one report of many blanks would keep intake busy for seconds."""
_OTHER: Final = re.compile(
    r"(?:법인|사업자|회사|주문|배송|송장|택배|등기|접수|사건|민원|계좌|통장|은행|농협|입금|송금|결제|승인|거래|예약|상품|품목|문서|관리|영수증|파일"
    r"|글|게시물|회원|고객|전화|연락처|핸드폰|휴대폰|폰|바코드|일련|시리얼|쿠폰|핀|카드|티켓|보험|증권|공문|고지서|기기|모델"
    r"|order|invoice|tracking|parcel|corporate|company|business|account|case|ticket|reference|receipt|payment|booking"
    r"|file|phone|tel|mobile|serial|barcode|transaction|\bid)"
    r"\s*+(?:\([^()]{0,12}\)|\s|등록|registration|증){0,3}(?:번호|코드|no\.?|nr\.?|numbers?|id|#)?\s*+(?:[는은가이로]|is|was)?"
    r"\s*+[:=#(\[\"'“‘-]*+\s*+[A-Za-z]{0,6}[-_]?$",
    re.IGNORECASE,
)
"""Labels of other numbers, right before one."""
_PERSONS: Final = "such a number"
_OTHERS: Final = "another number"
_LABEL_REACH: Final = 30
_OTHER_REACH: Final = 45
_UNIT: Final = re.compile(
    r"\s?(?:원|만|천|억|개|명|회|건|번째|조회|달러|엔|위안|won\b|krw|usd|₩|\$|kb|mb|byte|px|ms\b|초)", re.IGNORECASE
)
_MONEY: Final = re.compile(r"[₩$€¥]")
_FILE: Final = re.compile(
    r"[\w()-]{0,12}\.(?:jpe?g|png|gif|webp|heic|mp4|mov|avi|mkv|zip|pdf|txt|hwp|docx?|xlsx?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_LATIN: Final = re.compile(r"[A-Za-z_]-?$")
_COMPANY: Final = re.compile(r"(?:1[1-8]|2[0-2])01[1-3][1-9]")
"""Court and kind of company, as far as they can be taken for a date: 110111 is a stock company in Seoul."""

_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"'가-힣]+", re.IGNORECASE)
_FRONT_AND_BACK: Final = re.compile(
    r"(?<![0-9])([0-9]{6})(?![0-9])((?:[^0-9]|[67](?=\s?자리)){1,30}?)([1-8][0-9]{6})(?![0-9])"
)
_BACK_AND_FRONT: Final = re.compile(r"(?<![0-9])([1-8][0-9]{6})(?![0-9])([^0-9]{1,30}?)([0-9]{6})(?![0-9])")
_PARTS: Final = (
    "앞",
    "뒷",
    "뒤",
    "다시",
    "대시",
    "하이픈",
    "작대기",
    "이고",
    "이며",
    "나머지",
    "그다음",
    "back",
    "rear",
    "dash",
    "hyphen",
    "second",
    "last",
)
_LABELS: Final = ("주민", "민번", "민증", "주번", "신분증", "외국인", "거소")
_ENGLISH_LABELS: Final = (b"resident", b"rrn", b"jumin", b"alien", b"arc n")
"""Without any of them a text need not be searched for labels."""
_BACK_ALONE: Final = re.compile(
    r"(?:주민\s*+(?:등록)?\s*번호|민번|주민)\s*+(?:의\s*)?(?:뒷|뒤)\s*(?:자리|번호|7자리)?[^0-9가-힣]{0,4}(?:는|은|가)?[^0-9가-힣]{0,4}[1-8][0-9]{6}(?![0-9])"
)
_AFTER_LABEL: Final = re.compile(
    r"[^0-9]{0,15}([0-9]+(?:[^0-9A-Za-z가-힣]{0,4}(?:(?:하이픈|다시|대시|이고요?|그리고|뒷자리는?|뒷번호는?|뒤|년|월|일|생|에|의|dash)[^0-9A-Za-z가-힣]{0,4}){0,2}[0-9]+){0,12})"
)


class _Candidate(NamedTuple):
    """13 digits that may be one, and where they stand in the text."""

    front: str
    back: str
    century: str
    """The two digits of the century where it was written out; else empty."""
    as_card: bool
    """Written as the card has it: six digits, a hyphen, seven digits."""
    whole: bool
    """13 digits with nothing between them."""
    text: str
    start: int
    end: int


def found_in(plain: str, letters: bytes, *, link: bool) -> bool:
    """Return whether a normalised text holds what may be a registration number.

    ``letters`` is the text in ASCII with question marks for all else; bytes are searched many times faster.
    ``link``: the text is an address.
    """
    digits = len(letters) - len(letters.translate(None, _DIGITS))
    if digits < _BACK:
        return False
    if link:
        return any(map(_counts_in_link, _candidates(plain)))
    if "://" in plain or "www." in plain:
        if any(found_in(address, address.encode("ascii", "replace"), link=True) for address in _ADDRESS.findall(plain)):
            return True
        plain = _ADDRESS.sub(lambda found: "x" * len(found[0]), plain)
    return (
        any(map(_counts, _candidates(plain)))
        or _is_in_two_parts(plain)
        or _is_behind_a_label(plain, plain.encode("ascii", "replace").lower())
    )


def _candidates(plain: str) -> Iterator[_Candidate]:
    for run in _RUN.finditer(plain):
        yield from _of_run(plain, run.start(), run[0])


def _of_run(plain: str, at: int, run: str) -> Iterator[_Candidate]:
    lengths = "".join([_LENGTHS[len(group)] if len(group) <= _LENGTH else "g" for group in _GROUP.findall(run)])
    if _WHOLE_FORMS.fullmatch(lengths):
        found = [(0, len(lengths))]
    else:
        found = [(form.start(1), form.end(1)) for form in _FORMS.finditer(lengths)]
    if not found:
        return
    groups = list(_GROUP.finditer(run))
    phones = [phone.span() for phone in _PHONE.finditer(run)]
    for first, end in found:
        start, stop = groups[first].start(), groups[end - 1].end()
        grouped_alike = lengths[first:end] not in ("d", _CARD)  # no phone number is written in six and seven digits
        in_phone = grouped_alike and any(start < phone[1] and phone[0] < stop for phone in phones)
        if in_phone and _named(plain, at + start) != _PERSONS:
            continue
        digits, century = _digits([group[0] for group in groups[first:end]])
        if len(digits) == _LENGTH:
            as_card = end - first == len(_CARD) and "-" in run[groups[first].end() : groups[end - 1].start()]
            yield _Candidate(
                digits[:_FRONT], digits[_FRONT:], century, as_card, end - first == 1, plain, at + start, at + stop
            )


def _digits(parts: list[str]) -> tuple[str, str]:
    """The 13 digits with day and month in two digits, and the century where it was written out."""
    if _DATE.match("".join(str(len(part)) for part in parts)):
        parts[1:3] = parts[1].zfill(2), parts[2].zfill(2)
    digits = "".join(parts)
    written_out = len(digits) - _LENGTH
    return (digits[written_out:], digits[:written_out]) if written_out > 0 else (digits, "")


def _birth_year(one: _Candidate) -> int | None:
    """The year of birth, or None where the digits are no date or no century."""
    if one.back[0] not in "12345678":
        return None
    year = (1900 if one.back[0] in "1256" else 2000) + int(one.front[:2])
    month, day = int(one.front[2:4]), int(one.front[4:])
    if not 1 <= month <= _MONTHS or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return None if one.century and int(one.century) * 100 + int(one.front[:2]) != year else year


def _counts(one: _Candidate) -> bool:
    year = _birth_year(one)
    if year is None:
        return False
    named = _named(one.text, one.start)
    if named == _PERSONS:
        return True
    if _is_something_else(one):
        return False
    fits = _check_digit_fits(one.front + one.back)
    everyday = int(one.front[:2]) in _RECENT
    if named == _OTHERS:
        return fits and not everyday and year <= _LAST_BIRTH_YEAR and (one.as_card or one.whole)
    if everyday:
        return year >= _CENTURY and (one.as_card or fits)
    return one.as_card or year <= _LAST_BIRTH_YEAR


def _is_something_else(one: _Candidate) -> bool:
    """An amount, a mobile number with country code, a company's number, the name of a file or order with a date."""
    apart = not one.as_card and not one.whole
    if apart and (_UNIT.match(one.text, one.end) or _MONEY.search(one.text, one.start, one.end)):
        return True
    digits = one.front + one.back
    if (one.whole and _MOBILE.fullmatch(digits)) or (_is_company(digits) and not _check_digit_fits(digits)):
        return True
    return int(one.front[:2]) in _RECENT and bool(
        _FILE.match(one.text, one.end) or _LATIN.search(one.text[max(0, one.start - 2) : one.start])
    )


def _counts_in_link(one: _Candidate) -> bool:
    # In a link a date beside a number (/240824/1055513) and milliseconds are everyday sights.
    year = _birth_year(one)
    if year is None or (one.whole and _MOBILE.fullmatch(one.front + one.back)):
        return False
    fits = _check_digit_fits(one.front + one.back)
    if int(one.front[:2]) in _RECENT:
        return one.as_card and fits and year >= _CENTURY
    beside = one.text[max(0, one.start - 1) : one.start] + one.text[one.end : one.end + 1]
    inside = beside.isascii() and any(sign.isalpha() for sign in beside)
    return year <= _LAST_BIRTH_YEAR and (fits or ((one.as_card or one.whole) and not inside))


def _named(text: str, start: int) -> str | None:
    """Return whose label stands before a place: such a number's, another one's, or none."""
    if _OTHER.search(text[max(0, start - _OTHER_REACH) : start]):
        return _OTHERS
    return _PERSONS if _PERSON.search(text, max(0, start - _LABEL_REACH), start) else None


def _is_company(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits, _COMPANY_WEIGHTS, strict=False))
    return _COMPANY.match(digits) is not None and (10 - total % 10) % 10 == int(digits[12])


def _check_digit_fits(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))
    return (11 - total % 11) % 10 == int(digits[12])


def _is_in_two_parts(plain: str) -> bool:
    """“앞자리 900101, 뒷자리 1234567”, in either order, and the second part alone under its name."""
    if not any(part in plain for part in _PARTS):
        return False
    if _BACK_ALONE.search(plain):
        return True
    for pattern, front, back in ((_FRONT_AND_BACK, 1, 3), (_BACK_AND_FRONT, 3, 1)):
        for found in pattern.finditer(plain):
            one = _Candidate(found[front], found[back], "", False, False, plain, found.start(), found.end())
            between = found[2].lower()
            if any(part in between for part in _PARTS) and _counts(one):
                return True
    return False


def _is_behind_a_label(plain: str, small: bytes) -> bool:
    """13 digits behind “주민번호”, however they are grouped."""
    if not any(label in plain for label in _LABELS) and not any(label in small for label in _ENGLISH_LABELS):
        return False
    for label in _PERSON.finditer(plain):
        said = _AFTER_LABEL.match(plain, label.end())
        if said is None or _PHONE.search(said[1]):
            continue
        digits = ""
        for group in _GROUP.findall(said[1]):
            digits += group
            if len(digits) >= _LENGTH:
                break
        one = _Candidate(digits[:_FRONT], digits[_FRONT:], "", False, False, plain, said.start(1), said.end(1))
        if len(digits) == _LENGTH and _birth_year(one) is not None:
            return True
    return False
