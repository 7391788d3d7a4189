"""Prove that nothing was changed by hand: reports, audits, decisions, sums, proofs, tables."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tools.command.people import Service
from tools.command.running import progress, within

ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]

audit: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The audit of every service.")


def _anchors(texts: list[str] | None) -> list[str]:
    from shared.audit.command import parsed_anchor

    for text in texts or []:
        try:
            parsed_anchor(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text}: {error}") from None
    return texts or []


def _backup_name(text: str) -> str:
    from shared.audit.command import refused_name

    if (wrong := refused_name(text)) is not None:
        raise typer.BadParameter(f"{text} {wrong}")
    return text


@audit.command("verify")
@within("verifier")
def audit_verify(
    service: Annotated[list[Service] | None, typer.Option(help="only this one; may be repeated")] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE=ANCHOR",
            callback=_anchors,
            help="a signed head from the auditor's page or the log stream (audit.head_signed); may be repeated",
        ),
    ] = None,
    without_topic: Annotated[
        bool, typer.Option("--without-topic", help="do not ask Kafka for published anchors: proves less")
    ] = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="the services do not run: lines may wait for their anchor (in a restore)")
    ] = False,
) -> int:
    """Prove that no line was altered, removed or reordered; status 1: something is wrong."""
    from shared.audit import command

    anchors = [command.parsed_anchor(text) for text in anchor or []]
    return command.verify([one.value for one in service or []], anchors, without_topic=without_topic, stopped=stopped)


@audit.command("restored")
@within("verifier")
def audit_restored(
    backup: Annotated[str, typer.Option(callback=_backup_name, help="its name")],
) -> int:
    """Note that a backup was put back: lines that anchors know and it does not hold are lost, not cut off."""
    from shared.audit import command

    return command.restored(backup)


reports: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The reports in intake's store.")


@reports.command("check")
@within("intake")
def reports_check() -> int:
    """Prove that no stored report or front end was changed by hand; status 1: one was."""
    from services.intake.encryption.authenticate import main

    return main(None)


@reports.command("sign")
@within("intake")
def reports_sign(
    named: Annotated[
        list[str], typer.Argument(metavar="REPORT...", help="what somebody has looked at; client:ID for a front end")
    ],
) -> int:
    """Sign reports and front ends as they now are."""
    from services.intake.encryption.authenticate import main

    return main(named)


@within("recount")
def recount() -> int:
    """Add the log of routings up again and compare with the sums routing tells; status 1: they differ."""
    from services.routing.recount import once

    return once()


def proof(
    file: Annotated[Path, typer.Argument(help="holds the proof, alone or among other text")],
    key: Annotated[Path, typer.Option(help="holds the published key or keys, as JSON")] = Path("proof-key.json"),
) -> None:
    """Check a proof with the published key alone; status 1: nobody of ours signed it, or it was changed."""
    from services.intake.proofs.cli import main

    raise typer.Exit(main(file, key))


def tables(
    folder: Annotated[Path, typer.Argument(help="with divisions.json, centers.json, catchments.json")],
) -> None:
    """Whether a folder of divisions, centres and catchments would be taken; status 1: no, and every fault."""
    from shared.centers.checking import main

    raise typer.Exit(main(folder))


replay: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Do again what is in the log.")


@replay.command("decisions")
@within("reader")
def replay_decisions(
    since: Annotated[
        str, typer.Option("--from", metavar="DAY|MOMENT", help="Seoul time; nothing: from the beginning")
    ] = "",
    until: Annotated[str, typer.Option("--to", metavar="DAY|MOMENT", help="nothing: to the end")] = "",
    tables: Annotated[Path | None, typer.Option(metavar="FOLDER", help="as ROUTING_TABLES_DIR")] = None,
) -> int:
    """Decide every decision in the log again from what it recorded; status 1: one would be another."""
    from services.routing.assignment.cli import main, span_of

    try:
        span = span_of(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with progress("deciding again") as shown:
        return main(span, tables, shown)


@replay.command("erasures")
@within("intake")
def replay_erasures(
    restored: Annotated[
        str | None, typer.Option(metavar="BACKUP", help="note in the audit that this backup was restored")
    ] = None,
) -> int:
    """Make withdrawals and erasures of the register again in a restored store; status 3: some are left."""
    from services.intake.retention.replay import main

    return main(restored)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for group, name in ((audit, "audit"), (reports, "reports"), (replay, "replay")):
        app.add_typer(group, name=name)
    for command in (recount, proof, tables):
        app.command()(command)
