"""Which authorities this process believes when it calls others by TLS: over HTTPS, and its mail server.

Kafka and the store have settings of their own.
"""

import ssl
from functools import cache
from pathlib import Path

import httpx


@cache
def trusted_authorities() -> ssl.SSLContext:
    """One context for every HTTP client of the process: each of its own reads all authorities again (1.2 MB, 20 ms)."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


@cache
def authorities_of_mail() -> ssl.SSLContext:
    """One for the mail server: HTTP clients ask for HTTP in theirs (ALPN), which a mail server may refuse."""
    return ssl.create_default_context()


def believe(ca_file: Path | None) -> None:
    """Believe the authorities of a file too, from now on and in every call."""
    if ca_file is not None:
        for context in (trusted_authorities(), authorities_of_mail()):
            context.load_verify_locations(ca_file)
