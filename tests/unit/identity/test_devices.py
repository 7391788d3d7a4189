import pytest

from services.identity.devices import device_words

_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"{_WINDOWS} {_KHTML} Chrome/126.0.0.0 Safari/537.36", "Chrome, Windows"),
        (f"{_WINDOWS} {_KHTML} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge, Windows"),
        (f"{_WINDOWS} {_KHTML} Chrome/118.0.0.0 Whale/3.24 Safari/537.36", "Whale, Windows"),
        (
            f"Mozilla/5.0 (Linux; Android 14) {_KHTML} SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36",
            "Samsung Internet, Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox, Linux"),
        ("python-httpx/0.28.1", ""),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ],
)
def test_a_device_in_words_without_its_model_or_version(user_agent: str, words: str) -> None:
    assert device_words(user_agent) == words
