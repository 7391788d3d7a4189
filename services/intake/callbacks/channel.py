"""Posts callbacks to receivers that front ends named: never into private networks, never further by a redirect."""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import httpx

from services.intake.callbacks import rules
from services.intake.callbacks.rules import Address, Network
from shared.tls import trusted_authorities

TIMEOUT_S: Final = 10.0
CONNECT_S: Final = 4.0
WHOLE_S: Final = 20.0
"""All of it: the name, the connection, the answer."""
_OK: Final = range(200, 300)
_ASKING: Final = 2
"""Threads that ask for names."""


class PrivateAddressError(Exception):
    """The receiver's name stands for an address that callbacks may not go to."""


class CallbackChannel:
    """Sends one message at a time; each by a connection of its own, to exactly the address that was checked."""

    def __init__(self, networks: Sequence[Network]) -> None:
        """``networks``: private ones that the deployment allows."""
        self._networks = tuple(networks)
        # Of its own: the loop's threads write withdrawals down, which a slow name server must not keep waiting.
        self._asking = ThreadPoolExecutor(_ASKING, "callback-names")

    def close(self) -> None:
        """Ask for no more names."""
        self._asking.shutdown(wait=False, cancel_futures=True)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[bool, str]:
        """Whether the receiver took it, and its status or a short code of why there is none; never its words."""
        try:
            async with asyncio.timeout(WHOLE_S):
                status = await self._post(url, headers, body)
        except PrivateAddressError:
            return False, "private_address"
        except (TimeoutError, httpx.TimeoutException):
            return False, "timeout"
        except (socket.gaierror, UnicodeError, httpx.InvalidURL):  # or no name that can be asked for
            return False, "unknown_host"
        except httpx.ConnectError:
            return False, "connect"
        except httpx.HTTPError as error:
            return False, f"error_{type(error).__name__}"
        return status in _OK, str(status)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if rules.url_refused(url, self._networks) is not None:
            raise PrivateAddressError
        named = httpx.URL(url)
        addresses = await self._checked(named)
        for address in addresses[:-1]:
            try:
                return await self._post_to(address, named, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # a name may have an address at which nobody listens
        return await self._post_to(addresses[-1], named, headers, body)

    async def _post_to(self, address: Address, named: httpx.URL, headers: Mapping[str, str], body: bytes) -> int:
        # To the address that was checked: asked a second time the name could stand for another one.
        there = named.copy_with(host=str(address))
        async with (
            httpx.AsyncClient(
                timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_S), trust_env=False, verify=trusted_authorities()
            ) as http,
            http.stream(
                "POST",
                there,
                content=body,
                headers={**headers, "host": named.netloc.decode(), "content-type": "application/json"},
                extensions={"sni_hostname": named.host},
            ) as answer,
        ):
            return answer.status_code

    async def _checked(self, url: httpx.URL) -> list[Address]:
        """Every address of the name, each once, in the order in which the system would try them."""
        port = url.port or (443 if url.scheme == "https" else 80)
        ask = partial(socket.getaddrinfo, url.host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._asking, ask)
        addresses = [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
        if not all(rules.allowed(one, self._networks) for one in addresses):
            raise PrivateAddressError
        return list(dict.fromkeys(addresses))
