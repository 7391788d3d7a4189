import io

from rich.console import Console

from tools.demo.ledger import Ledger
from tools.demo.progress import Progress
from tools.demo.summary import summarise
from tools.demo.view import View, final, plain_line


def test_without_a_terminal_there_are_plain_lines_not_too_often() -> None:
    out = io.StringIO()
    progress = Progress(accepted_at={"a": 1.0, "b": 2.0}, shown_at={"a": 1.25})
    with View(Console(file=out, width=200)) as view:
        for now in (10.0, 10.5, 14.0):
            view.update(progress, Ledger(), now)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "accepted 2" in lines[0]
    assert "oldest waiting 8.0 s" in lines[0]


def test_a_stream_faster_than_the_answer_counts_as_no_time() -> None:
    assert Progress(accepted_at={"a": 2.0}, shown_at={"a": 1.9}).latencies_ms() == {"a": 0.0}


def test_the_first_showing_counts_and_every_centre_is_kept() -> None:
    progress = Progress(accepted_at={"a": 1.0})
    progress.shown("a", "busan", 1.5)
    progress.shown("a", "ulsan", 2.0)
    assert progress.latencies_ms() == {"a": 500.0}
    assert progress.shown_by == {"a": {"busan", "ulsan"}}


def test_a_terminal_gets_a_drawing() -> None:
    out = io.StringIO()
    with View(Console(file=out, force_terminal=True, width=100)) as view:
        view.update(Progress(), Ledger(), 1.0)
    assert "a bad week" in out.getvalue()


def test_the_end_says_what_is_wrong() -> None:
    out = io.StringIO()
    summary = summarise(
        accepted=["a"], repeats=0, refused={"too_large": 1}, ledger=Ledger(), counted=0, owners_elsewhere={},
        shown_ms={}, unexpected=[],
    )  # fmt: skip
    final(Console(file=out, width=100), summary, {"form": "http://127.0.0.1:8001/"})
    assert "WRONG: lost 1" in out.getvalue()
    assert "http://127.0.0.1:8001/" in out.getvalue()


def test_plain_line_shows_dashes_before_anything_was_shown() -> None:
    assert "p50 –" in plain_line(Progress(), Ledger(), 0.0)
