"""``ieum-conformance URL --credential-file FILE``: whether a server speaks the intake API.

FILE holds one credential (``<client id>.<secret>``); without it IEUM_CREDENTIAL does. It needs the scope
reports:submit; what needs receipts:read or receipts:write is left out, by name, where the credential does not have it.
With neither nothing is sent as one, which suits a stub. A 429 is waited out as its Retry-After says.

More than one URL: several servers of one system. What is sent twice at once is then sent to all of them.

Prints one line per check; ends with 0 if all that ran hold, 1 otherwise, 2 if nobody answers or the credential does not
count, so that nothing was checked. Sends drills only.
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from ieum_client.checks import (
    CHECKS,
    IMPATIENT,
    NEEDS,
    SERVERS,
    SUBMIT,
    Check,
    CredentialError,
    beyond_the_rate_limit_is_429,
    scopes_of,
)

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
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or IMPATIENT in request.extensions:
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


async def outcomes(http: httpx.AsyncClient, *others: httpx.AsyncClient, rate_limit: bool = False) -> list[Outcome]:
    """Every check, one after the other; ``rate_limit``: also the one that uses the whole limit up, last.

    Raises ``httpx.TransportError`` where nobody answers, and ``CredentialError`` where the credential does not count.
    """
    try:
        scopes = await scopes_of(http)
    except AssertionError as error:
        return [Outcome("what a credential may do", (scopes_of.__doc__ or "").partition("\n")[0], str(error))]
    if SUBMIT not in scopes:
        raise CredentialError(f"The credential does not have the scope {SUBMIT}, which every check needs.")
    checks = (*CHECKS, beyond_the_rate_limit_is_429) if rate_limit else CHECKS
    return [
        await _outcome(check, http, *(others if check in SERVERS else ()))
        if NEEDS.get(check, SUBMIT) in scopes
        else _without(check, NEEDS[check])
        for check in checks
    ]


def _without(check: Check, scope: str) -> Outcome:
    return Outcome(_name(check), (check.__doc__ or "").strip(), "", f"the credential does not have {scope}")


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").replace("_", " ")


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="ieum-conformance", description=__doc__)
    parser.add_argument("url", nargs="+", metavar="URL")
    parser.add_argument("--credential-file", type=Path)
    parser.add_argument(
        "--rate-limit", action="store_true", help="also send until the limit is reached: others with it have to wait"
    )
    given = parser.parse_args(arguments)
    try:
        found = asyncio.run(_run(given.url, _credential(given.credential_file), rate_limit=given.rate_limit))
    except (OSError, UnicodeDecodeError) as error:
        why = f"{given.credential_file} cannot be read ({type(error).__name__})."
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        why = f"{' '.join(given.url)}: an address begins with http:// or https://."
    except httpx.TransportError as error:
        why = f"{given.url[0]} does not answer ({type(error).__name__})."
    except CredentialError as error:
        why = str(error)
    else:
        return _told(found)
    sys.stderr.write(f"Nothing was checked: {why}\n")
    return _NOTHING_CHECKED


def _told(found: Sequence[Outcome]) -> int:
    """One line for each check and one for all; the exit status."""
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


def _credential(file: Path | None) -> str:
    return (file.read_text(encoding="utf-8") if file else os.environ.get("IEUM_CREDENTIAL", "")).strip()


def command() -> None:
    """Console script: check the server named on the command line."""
    sys.exit(main(sys.argv[1:]))


async def _run(urls: Sequence[str], credential: str, *, rate_limit: bool) -> list[Outcome]:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    async with contextlib.AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=url, headers=headers, timeout=_TIMEOUT_S, transport=Patient(httpx.AsyncHTTPTransport())
                )
            )
            for url in urls
        ]
        return await outcomes(*servers, rate_limit=rate_limit)


async def _outcome(check: Check, *servers: httpx.AsyncClient) -> Outcome:
    wrong = ""
    try:
        await check(*servers)
    except AssertionError as error:
        wrong = str(error)
    except httpx.TransportError as error:
        wrong = f"no answer came ({type(error).__name__})"
    except KeyError as error:
        wrong = f"the answer has no {error}"
    except (ValueError, TypeError, AttributeError) as error:
        wrong = f"the answer does not have the expected form ({type(error).__name__})"
    return Outcome(_name(check), " ".join((check.__doc__ or "").split()), wrong)


if __name__ == "__main__":
    command()
