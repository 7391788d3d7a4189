"""Which authorities count when a process calls others by TLS."""

import ast
import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import tls
from shared.health import Health
from shared.settings import MailSettings, ServiceSettings, SettingsError, load
from shared.smtp import smtp_options
from shared.web.app import Documentation, create_app
from tests.unit.docs.test_paths import PROJECT
from tools.local.certificates import STORE, Certificates


@pytest.fixture(autouse=True)
def nothing_believed() -> Iterator[None]:
    for context in (tls.trusted_authorities, tls.authorities_of_mail):
        context.cache_clear()
    yield
    for context in (tls.trusted_authorities, tls.authorities_of_mail):
        context.cache_clear()


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    found = Certificates(tmp_path / "made")
    found.ensure()
    return found


@pytest.mark.parametrize("context", [tls.trusted_authorities, tls.authorities_of_mail])
async def test_a_server_of_an_agency_is_believed_once_a_setting_names_its_authority(
    made: Certificates, context: Callable[[], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(made.certificate(STORE), made.key(STORE))
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=shown) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=context())
        monkeypatch.setenv("IEUM_CA_FILE", str(made.authority))
        create_app(
            service="notify",
            documentation=Documentation(title="", description=""),
            settings=load(ServiceSettings),
            health=Health(),
        )
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context())
        writer.close()


def test_mail_goes_by_the_same_authorities_and_asks_for_no_other_protocol() -> None:
    options = smtp_options(MailSettings(smtp_security="starttls"))
    assert options["tls_context"] is tls.authorities_of_mail() is not tls.trusted_authorities()


def test_every_http_client_goes_by_these_authorities() -> None:
    """httpx has others of its own, which no setting adds to."""
    clients = 0
    for file in (file for folder in ("services", "shared") for file in (PROJECT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"httpx.AsyncClient", "httpx.Client"}:
                clients += 1
                given = {argument.arg: ast.unparse(argument.value) for argument in node.keywords}
                assert given.get("verify") == "trusted_authorities()", f"{file}:{node.lineno}"
    assert clients >= 8


@pytest.mark.parametrize("name", ["missing.pem", "key.pem", "text.pem"])
def test_a_file_without_authorities_is_a_wrong_setting(
    name: str, made: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.pem").write_bytes(made.key(STORE).read_bytes())
    (tmp_path / "text.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    monkeypatch.setenv("IEUM_CA_FILE", str(tmp_path / name))
    with pytest.raises(SettingsError, match=r"^setting IEUM_CA_FILE: cannot be read .*; example: IEUM_CA_FILE="):
        load(ServiceSettings)
    monkeypatch.setenv("IEUM_CA_FILE", "")
    assert load(ServiceSettings).ca_file is None
