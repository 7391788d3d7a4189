"""Show the demonstration while it runs, and the table at its end. On no terminal: plain lines."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.demo.ledger import Ledger
from tools.demo.progress import Progress
from tools.demo.summary import Summary

_PLAIN_EVERY_S = 3.0
_NOT_YET = "–"


def milliseconds(value: float | None) -> str:
    """A latency for people."""
    return _NOT_YET if value is None else f"{value:.0f} ms"


class View:
    """Draws on a terminal, writes a line every few seconds elsewhere. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        """``console`` decides whether this is a terminal."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._last_line = float("-inf")

    def __enter__(self) -> "View":
        """Begin drawing."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(text, highlight=False)

    def update(self, progress: Progress, ledger: Ledger, now: float) -> None:
        """Show the state at monotonic second ``now``."""
        if self._live is not None:
            self._live.update(_drawing(progress, ledger, now))
        elif now - self._last_line >= _PLAIN_EVERY_S:
            self._last_line = now
            self.say(plain_line(progress, ledger, now))


def plain_line(progress: Progress, ledger: Ledger, now: float) -> str:
    """The state in one line."""
    stages = "  ".join(f"{name} {count}" for name, count in progress.stages(ledger).items())
    p50, p95, p99 = (milliseconds(value) for value in progress.percentiles_ms())
    oldest = progress.oldest_waiting_s(now)
    return f"{stages}  |  oldest waiting {oldest:.1f} s  |  accepted→shown p50 {p50}, p95 {p95}, p99 {p99}"


def _drawing(progress: Progress, ledger: Ledger, now: float) -> Group:
    table = Table(title="Ieum: a bad week", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("stage")
    table.add_column("reports", justify="right")
    table.add_column("", width=40)
    stages = progress.stages(ledger)
    for name, count in stages.items():
        table.add_row(name, str(count), ProgressBar(total=max(1, stages["accepted"]), completed=count, width=40))
    p50, p95, p99 = (milliseconds(value) for value in progress.percentiles_ms())
    return Group(
        table,
        Text(f"requests sent {progress.submitted} of {progress.total}, refused {progress.refused.total()}"),
        Text(f"oldest waiting report {progress.oldest_waiting_s(now):.1f} s"),
        Text(f"accepted → shown on the console: p50 {p50}, p95 {p95}, p99 {p99}"),
    )


def final(console: Console, summary: Summary, links: Mapping[str, str]) -> None:
    """The end: sums, centres, latencies, refusals, where to look, and what is wrong if anything is."""
    sums = Table(title="Sums", title_justify="left")
    for name in ("accepted", "routed", "alerted", "counted", "lost", "owned twice"):
        sums.add_column(name, justify="right")
    sums.add_row(*(str(getattr(summary, name)) for name in ("accepted", "routed", "alerted", "counted")),
                 str(summary.lost), str(summary.owned_twice))  # fmt: skip
    console.print(sums)
    console.print(_pairs("By centre", ("centre", "reports"), summary.by_center))
    console.print(_pairs("Refused, as it must be", ("why", "requests"), summary.refused))
    console.print(
        f"accepted → shown on the console: p50 {milliseconds(summary.p50_ms)}, p95 {milliseconds(summary.p95_ms)}, "
        f"p99 {milliseconds(summary.p99_ms)} ({summary.shown} of {summary.accepted} shown); "
        f"{summary.acknowledged} acknowledged, {summary.repeats} repeats answered as the first time",
        highlight=False,
    )
    console.print(_pairs("Where to look", ("what", "where"), links))
    verdict(console, summary.problems)


def walked(console: Console, steps: Sequence[tuple[str, bool]]) -> None:
    """Format the results of the walk at the end."""
    table = Table(title="Trust", title_justify="left")
    table.add_column("seen", overflow="fold")
    table.add_column("")
    for text, fine in steps:
        table.add_row(text, "[green]yes[/]" if fine else "[bold red]NO[/]")
    console.print(table)


def verdict(console: Console, problems: Sequence[str]) -> None:
    """Format whether it all agrees."""
    if not problems:
        console.print("accepted = routed = alerted = counted; nothing lost, nothing owned twice.", style="bold green")
    for problem in problems:
        console.print(f"WRONG: {problem}", style="bold red", highlight=False)


def _pairs(title: str, heads: tuple[str, str], rows: Mapping[str, object]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(heads[0])
    table.add_column(heads[1], justify="right" if heads[1] != "where" else "left", overflow="fold")
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
