"""``ieum-conformance URL --credential-file FILE``: whether a server speaks the intake API.

FILE holds one credential (``<client id>.<secret>``). It needs the scope reports:submit; what needs receipts:read or
receipts:write is left out, by name, where the credential does not have it. Without a file nothing is sent as one, which
suits a stub. A 429 is waited out as its Retry-After says.

Prints one line per check; ends with 0 if all that ran hold, 1 otherwise, 2 if nobody answers or the credential does not
count, so that nothing was checked. Sends drills only.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from ieum_client.checks import CHECKS, NEEDS, SUBMIT, Check, CredentialError, scopes_of

_TIMEOUT_S: Final = 20.0
_NOTHING_CHECKED: Final = 2
_LONGEST_WAIT_S: Final = 120.0


class Outcome(NamedTuple):
    """One check: its name, what it asks for, and what was wrong; empty: it holds."""

    name: str
    wants: str
    wrong: str
    left_out: str = ""
    """Why it did not run."""


class Patient(httpx.AsyncBaseTransport):
    """Waits out every 429 as its ``Retry-After`` says, so that a low limit of requests fails no check."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """``inner`` sends the requests."""
        self._inner = inner
        self._sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that is no 429. Raises ``AssertionError`` for one that does not say when to come back."""
        waited = 0.0
        while True:
            answer = await self._inner.handle_async_request(request)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer
            await answer.aclose()
            after = answer.headers.get("retry-after", "")
            if not after.isdigit():
                raise AssertionError("a 429 says in Retry-After after how many seconds to try again")
            waited += max(1.0, float(after))
            if waited > _LONGEST_WAIT_S:
                raise AssertionError(f"the server answers 429 for more than {_LONGEST_WAIT_S:.0f} seconds")
            await self._sleep(max(1.0, float(after)))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def outcomes(http: httpx.AsyncClient) -> list[Outcome]:
    """Every check, one after the other.

    Raises ``httpx.TransportError`` where nobody answers, and ``CredentialError`` where the credential does not count.
    """
    scopes = await scopes_of(http)
    if SUBMIT not in scopes:
        raise CredentialError(f"The credential does not have the scope {SUBMIT}, which every check needs.")
    return [
        await _outcome(check, http) if NEEDS.get(check, SUBMIT) in scopes else _without(check, NEEDS[check])
        for check in CHECKS
    ]


def _without(check: Check, scope: str) -> Outcome:
    return Outcome(_name(check), (check.__doc__ or "").strip(), "", f"the credential does not have {scope}")


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").replace("_", " ")


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
        sys.stderr.write(f"Nothing was checked: {given.url} does not answer ({type(error).__name__}).\n")
        return _NOTHING_CHECKED
    except CredentialError as error:
        sys.stderr.write(f"Nothing was checked: {error}\n")
        return _NOTHING_CHECKED
    except AssertionError as error:
        sys.stdout.write(f"FAILS  what a credential may do: {error}\n")
        return 1
    for one in found:
        word, said = (
            ("left out", one.left_out) if one.left_out else ("FAILS", one.wrong) if one.wrong else ("holds", "")
        )
        sys.stdout.write(f"{word:8}  {one.name}" + (f": {said}" if said else "") + "\n")
        if one.wrong:
            sys.stdout.write(f"          {one.wants}\n")
    ran = [one for one in found if not one.left_out]
    wrong = sum(bool(one.wrong) for one in ran)
    left_out = f", {len(found) - len(ran)} left out" if len(ran) < len(found) else ""
    sys.stdout.write(f"{len(ran) - wrong} of {len(ran)} checks hold{left_out}\n")
    return 1 if wrong else 0


def command() -> None:
    """Console script: check the server named on the command line."""
    sys.exit(main(sys.argv[1:]))


async def _run(url: str, credential: str) -> list[Outcome]:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    transport = Patient(httpx.AsyncHTTPTransport())
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_S, transport=transport) as http:
        return await outcomes(http)


async def _outcome(check: Check, http: httpx.AsyncClient) -> Outcome:
    wrong = ""
    try:
        await check(http)
    except AssertionError as error:
        wrong = str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = f"the answer does not have the expected form ({type(error).__name__})"
    return Outcome(_name(check), (check.__doc__ or "").strip(), wrong)


if __name__ == "__main__":
    command()
