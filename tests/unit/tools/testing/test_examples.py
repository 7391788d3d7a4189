"""The tests' README shows tests that run."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[3]


def test_the_readme_shows_the_examples_as_they_are() -> None:
    readme = (TESTS / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"`(\S+test_example\.py)`\n\n```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(shown) == len(list(TESTS.rglob("test_example.py"))) == 5
    for name, text in shown:
        assert (TESTS / name).read_text(encoding="utf-8").endswith(text)
