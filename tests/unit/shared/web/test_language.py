import pytest

from shared.web.language import from_header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "ko"),
        ("", "ko"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("ko;q=0.5,en;q=0.7", "en"),
        ("en;q=0.5,ko;q=0.7", "ko"),
        ("fr,en;q=0.1", "en"),
        ("en;q=0", "ko"),
        ("en;q=abc", "ko"),
        ("de,fr;q=0.3,*;q=0.1", "ko"),
        ("x" * 10_000, "ko"),
    ],
)
def test_the_best_supported_wish_wins(header: str | None, expected: str) -> None:
    assert from_header(header) == expected
