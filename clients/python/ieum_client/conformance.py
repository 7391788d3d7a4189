"""``ieum-conformance URL --credential-file FILE``: whether a server speaks the intake API.

FILE holds one credential (``<client id>.<secret>``, scopes reports:submit, receipts:read and receipts:write); without
it nothing is sent as one, which suits a stub. Prints one line per check; ends with 0 if all hold, 1 otherwise, 2 if
nobody answers. Sends drills only.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from ieum_client.checks import CHECKS, Check

_TIMEOUT_S: Final = 20.0
_UNREACHED: Final = 2


class Outcome(NamedTuple):
    """One check: its name, what it asks for, and what was wrong; empty: it holds."""

    name: str
    wants: str
    wrong: str


async def outcomes(http: httpx.AsyncClient) -> list[Outcome]:
    """Every check, one after the other. Raises ``httpx.TransportError`` where nobody answers."""
    return [await _outcome(check, http) for check in CHECKS]


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="ieum-conformance", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--credential-file", type=Path)
    given = parser.parse_args(arguments)
    credential = given.credential_file.read_text(encoding="utf-8").strip() if given.credential_file else ""
    try:
        found = asyncio.run(_run(given.url, credential))
    except httpx.TransportError as error:
        sys.stderr.write(f"{given.url} does not answer: {type(error).__name__}\n")
        return _UNREACHED
    for one in found:
        sys.stdout.write(
            f"{'FAILS' if one.wrong else 'holds'}  {one.name}" + (f": {one.wrong}" if one.wrong else "") + "\n"
        )
        if one.wrong:
            sys.stdout.write(f"       {one.wants}\n")
    wrong = sum(bool(one.wrong) for one in found)
    sys.stdout.write(f"{len(found) - wrong} of {len(found)} checks hold\n")
    return 1 if wrong else 0


def command() -> None:
    """Console script: check the server named on the command line."""
    sys.exit(main(sys.argv[1:]))


async def _run(url: str, credential: str) -> list[Outcome]:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_S) as http:
        return await outcomes(http)


async def _outcome(check: Check, http: httpx.AsyncClient) -> Outcome:
    wrong = ""
    try:
        await check(http)
    except AssertionError as error:
        wrong = str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = f"the answer does not have the expected form ({type(error).__name__})"
    name = getattr(check, "__name__", "check").replace("_", " ")
    return Outcome(name, (check.__doc__ or "").strip(), wrong)


if __name__ == "__main__":
    command()
