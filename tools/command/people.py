"""Who may do what: front ends, the first administrator, keys."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from shared.identity.roles import MINISTRY, ORGANISATIONS, Scope
from tools.command.running import one_of, progress, within

Service = StrEnum("Service", "intake notify identity analytics")

Json = Annotated[bool, typer.Option("--json", help="print JSON")]


def _client_id(text: str) -> str:
    from services.intake.clients.cli import refused_id

    if (wrong := refused_id(text)) is not None:
        raise typer.BadParameter(wrong)
    return text


def _account(text: str | None) -> str | None:
    from services.identity.cli import refused_name

    if text is not None and (wrong := refused_name(text)) is not None:
        raise typer.BadParameter(wrong)
    return text


def _organisation(name: str) -> str:
    return one_of(ORGANISATIONS, name)


ClientId = Annotated[str, typer.Argument(metavar="ID", callback=_client_id, help="lower-case letters, digits, hyphens")]
Version = Annotated[int | None, typer.Option(help="as list shows it: refused where it has changed since")]

client: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Front ends of the API.")


@client.command("add")
@within("intake")
def client_add(
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="as people call it")] = "",
    scope: Annotated[list[Scope] | None, typer.Option(help="may be repeated")] = None,
    per_minute: Annotated[int, typer.Option(min=1, max=10_000_000, help="requests a minute and process")] = 600,
    callback: Annotated[
        str | None, typer.Option(metavar="URL", help="where it is told how reports stand; prints the signing secret")
    ] = None,
    as_json: Json = False,
) -> int:
    """Make a front end; prints its credential once."""
    from services.intake.clients import cli

    return cli.add(
        client_id, name=name, scopes=scope or [], per_minute=per_minute, callback_url=callback, as_json=as_json
    )


@client.command("callback")
@within("intake")
def client_callback(
    client_id: ClientId,
    url: Annotated[str | None, typer.Option(help="https; the secrets stay as they are")] = None,
    off: Annotated[bool, typer.Option("--off", help="tell it nothing any more")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="sign with a new secret as well, until --end-old")] = False,
    end_old: Annotated[bool, typer.Option("--end-old", help="sign with the newest secret alone")] = False,
    as_json: Json = False,
) -> int:
    """Say where a front end is told how reports stand; prints what signs it."""
    from services.intake.clients import cli

    if sum((url is not None, off, rotate, end_old)) != 1:
        raise typer.BadParameter("say one of --url, --off, --rotate, --end-old")
    if rotate or end_old:
        return cli.rotate_callback(client_id, end_old=end_old, as_json=as_json)
    return cli.set_callback(client_id, url, as_json=as_json)


@client.command("rotate")
@within("intake")
def client_rotate(
    client_id: ClientId,
    only: Annotated[bool, typer.Option("--only", help="the old secrets end now")] = False,
    version: Version = None,
    as_json: Json = False,
) -> int:
    """Give a front end a new secret; the one in use stays valid until end-old."""
    from services.intake.clients import cli

    return cli.rotate(client_id, only=only, version=version, as_json=as_json)


@client.command("end-old")
@within("intake")
def client_end_old(client_id: ClientId, version: Version = None, as_json: Json = False) -> int:
    """Let the newest secret alone count from now on."""
    from services.intake.clients import cli

    return cli.end_old(client_id, version=version, as_json=as_json)


@client.command("disable")
@within("intake")
def client_disable(client_id: ClientId, as_json: Json = False) -> int:
    """Turn a front end away."""
    from services.intake.clients import cli

    return cli.disable(client_id, disabled=True, as_json=as_json)


@client.command("enable")
@within("intake")
def client_enable(client_id: ClientId, as_json: Json = False) -> int:
    """Let a front end in again."""
    from services.intake.clients import cli

    return cli.disable(client_id, disabled=False, as_json=as_json)


@client.command("list")
@within("intake")
def client_list(as_json: Json = False) -> int:
    """Show all front ends, without secrets."""
    from services.intake.clients import cli

    return cli.show_all(as_json=as_json)


admin: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The first staff accounts.")


@admin.command()
@within("identity")
def invite(
    organisation: Annotated[
        str,
        typer.Option(callback=_organisation, autocompletion=lambda: ORGANISATIONS, help="the ministry, or a centre"),
    ] = MINISTRY,
    name: Annotated[
        str | None, typer.Option(callback=_account, help="what they sign in as; admin-ORGANISATION if not given")
    ] = None,
    display: Annotated[str | None, typer.Option(help="the name colleagues know them by")] = None,
    another: Annotated[bool, typer.Option("--another", help="although there is one")] = False,
    as_json: Json = False,
) -> int:
    """Make the first administrator of an organisation; prints an invitation that counts once."""
    from services.identity import cli

    return cli.invite(organisation, name=name, display=display, another=another, as_json=as_json)


@admin.command("demo-accounts", hidden=True)
@within("identity")
def demo_accounts() -> int:
    """Make accounts that are ready to use, from a JSON object a line; only with IEUM_DEMO_ACCOUNTS=1."""
    from services.identity import cli

    return cli.add()


keys: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Keys and passwords.")


def _rotated(which: str) -> None:
    from tools.local import cli

    work = {"master": cli.rotate_key, "receipt": cli.rotate_receipt_key, "passwords": cli.rotate_secrets}
    raise typer.Exit(cli.guarded(work[which]))


@keys.command("show")
def keys_show() -> None:
    """Print the local secrets: whoever has them reads every report stored here."""
    from tools.local import cli

    raise typer.Exit(cli.guarded(cli.secrets))


@keys.command("compose")
def keys_compose() -> None:
    """Make the passwords, keys and certificates of deploy/compose; prints the folder."""
    from tools.local import cli

    raise typer.Exit(cli.guarded(cli.compose))


@keys.command("root")
def keys_root() -> None:
    """Make a root key and print both halves as settings; stores nothing."""
    from services.identity.root_key import main

    raise typer.Exit(main())


@keys.command("rotate-master")
def keys_rotate_master() -> None:
    """Give reports a new master key; every report's key is wrapped anew while `ieum up` runs."""
    _rotated("master")


@keys.command("rotate-receipt")
def keys_rotate_receipt() -> None:
    """Give new receipts a new key while `ieum up` runs; receipts given out go on."""
    _rotated("receipt")


@keys.command("rotate-passwords")
def keys_rotate_passwords() -> None:
    """Give every user of the engines a new password while `ieum up` runs; processes restart one after the other."""
    _rotated("passwords")


@keys.command("rotate-signing")
@within("identity")
def keys_rotate_signing(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="the old keys count no more: they may be known to others")
    ] = False,
    restored: Annotated[bool, typer.Option("--restored", hidden=True)] = False,
) -> int:
    """Begin to sign sign-ins with a new key; what the old one signed counts until it is over."""
    from services.identity import cli

    return cli.rotate_signing_key(at_once=at_once, restored=restored)


@keys.command("rewrap-reports")
@within("intake")
def keys_rewrap_reports() -> int:
    """Wrap every report's key with the master key in use; status 1: some are left."""
    from services.intake.encryption.rewrap import main

    with progress("wrapping keys of reports") as shown:
        return main(shown)


@keys.command("rewrap-accounts")
@within("identity")
def keys_rewrap_accounts() -> int:
    """Wrap every second factor and signing key with the master key in use; run it until it says 0."""
    from services.identity import cli

    return cli.rewrap_all()


@keys.command("audit")
def keys_audit(service: Service) -> None:
    """Print a service's audit key, which follows from IEUM_AUDIT_VERIFIER_KEY."""
    from shared.audit.command import key

    raise typer.Exit(key(service.value))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for group, name in ((client, "client"), (admin, "admin"), (keys, "keys")):
        app.add_typer(group, name=name)
