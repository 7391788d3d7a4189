import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.reports import receipt_numbers

numbers = st.integers(0, receipt_numbers.SPACE - 1)


@given(numbers)
def test_a_receipt_reads_back_however_it_is_written(number: int) -> None:
    receipt = receipt_numbers.from_number(number)
    shown = receipt_numbers.shown(receipt)
    assert len(receipt) == receipt_numbers.DIGITS
    assert [len(four) for four in shown.split("-")] == [4, 4, 4, 4]
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in shown)  # as a Korean or Japanese keyboard may write it
    for form in (receipt, shown, shown.replace("-", " "), f" {shown} ", wide, f"\u202a{shown}\u202c"):
        assert receipt_numbers.read(form) == receipt


@given(numbers, st.integers(0, 15), st.integers(1, 9))
def test_every_single_wrong_digit_is_caught(number: int, position: int, change: int) -> None:
    digits = list(receipt_numbers.from_number(number))
    digits[position] = str((int(digits[position]) + change) % 10)
    assert receipt_numbers.read("".join(digits)) is None


@given(numbers, st.integers(0, 14))
def test_every_swap_of_neighbours_is_caught(number: int, position: int) -> None:
    digits = list(receipt_numbers.from_number(number))
    a, b = digits[position : position + 2]
    digits[position : position + 2] = [b, a]
    assert receipt_numbers.read("".join(digits)) == (receipt_numbers.from_number(number) if a == b else None)


@pytest.mark.parametrize("typed", ["", "1234", "abcd-efgh-ijkl-mnop", "1" * 17, "１" * 16, "1234-5678-9012-345x"])
def test_what_is_no_receipt_is_none(typed: str) -> None:
    assert receipt_numbers.read(typed) is None


def test_the_check_digit_is_damms() -> None:
    assert receipt_numbers.check_digit("572") == 4  # the worked example of the paper


@pytest.mark.parametrize("number", [-1, receipt_numbers.SPACE])
def test_numbers_outside_the_space_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        receipt_numbers.from_number(number)
