"""Repair what Kafka and the stores hold: dead letters, events, counts, published months."""

from pathlib import Path
from typing import Annotated

import typer

from shared.topics import BY_NAME
from tools.command.running import one_of, progress, within


def _topic(name: str) -> str:
    return one_of(sorted(BY_NAME), name)


@within("redrive")
def redrive(
    topic: Annotated[
        str, typer.Argument(callback=_topic, autocompletion=lambda: BY_NAME, help="the topic, not its dead twin")
    ],
    listing: Annotated[bool, typer.Option("--list", help="only list them")] = False,
    start: Annotated[
        int | None,
        typer.Option("--from", metavar="OFFSET", help="begin here, each partition; what lies before it is left"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many records")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be sent back, send and commit nothing")
    ] = False,
) -> int:
    """Send the dead records of a topic back to it."""
    from shared.kafka.redrive import main

    with progress("sending back") as shown:
        return main(BY_NAME[topic], listing=listing, start=start, limit=limit, dry_run=dry_run, progress=shown)


@within("intake")
def republish(reports: Annotated[list[str], typer.Argument(metavar="REPORT...", help="their ids")]) -> int:
    """Tell again what is true of reports whose dead record was sent back too late; status 1: some are left."""
    from services.intake.submissions.republish import main

    return main(reports)


@within("analytics")
def rebuild(
    accept: Annotated[bool, typer.Option("--accept", help="swap even where cells differ")] = False,
    back: Annotated[bool, typer.Option("--back", help="the generation before serves again")] = False,
    as_of: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="count a release's numbers again and change nothing")
    ] = None,
) -> int:
    """Count the whole log anew beside analytics, compare, swap; status 1: cells differ, and the old one serves."""
    from services.analytics.counting.rebuild import main

    if sum((accept, back, as_of is not None)) > 1:
        raise typer.BadParameter("say one of --accept, --back, --as-of")
    with progress("counting") as shown:
        return main(accept=accept, back=back, name=as_of, progress=shown)


def _said(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("a correction says why, in both languages")
    return text


@within("analytics")
def revise(
    month: Annotated[str, typer.Argument(help="a released month, as 2026-11")],
    why_ko: Annotated[str, typer.Option(callback=_said, help="what was wrong, in Korean; everybody reads it")],
    why_en: Annotated[str, typer.Option(callback=_said, help="the same in English")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="prove and print, release nothing")] = False,
) -> int:
    """Release a wrong month once more, counted again as of its closing; status 1: there is nothing to correct."""
    from services.analytics.releases.revise import main

    with progress("counting") as shown:
        return main(month, {"ko": why_ko, "en": why_en}, shown, dry=dry_run)


@within("analytics")
def load_history(
    file: Annotated[Path, typer.Argument(help="such as services/analytics/data/published-figures.csv")],
) -> int:
    """Take published yearly figures into analytics, all or nothing; status 1: a row is bad."""
    from services.analytics.dashboard.load_history import main

    return main(file)


def provision(
    passwords: Annotated[Path, typer.Option(metavar="FOLDER", help="a file with a password for each principal")],
) -> None:
    """Make topics, users and rights of Kafka as the tables say; needs an administrator's KAFKA_… settings."""
    from shared.kafka.provision import main

    raise typer.Exit(main(passwords))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (redrive, republish, rebuild, revise, load_history, provision):
        app.command()(command)
