"""Where the doctor looks, and that a mistake of its operator is a finding, not its end."""

import asyncio
import json
import stat
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from shared.settings import SettingsError
from tools.doctor import command as doctor
from tools.doctor import look
from tools.local import keys
from tools.local.security import kafka_settings
from tools.local.settings import LocalSettings
from tools.local.state import ProcessEntry, RunFolder, State

LOOPBACK = "127.0.0.1"


async def test_public_addresses_are_those_that_people_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an ingress a service may answer on this machine and be reached by nobody."""
    asked: dict[str, str] = {}

    async def unreachable(http: httpx.AsyncClient, urls: Mapping[str, str]) -> dict[str, str]:
        assert "authorization" not in http.headers, "the token of metrics is for this machine's processes"
        asked.update(urls)
        return {}

    async def topics(_: object) -> list[str]:
        return []

    monkeypatch.setattr(look, "_unreachable", unreachable)
    monkeypatch.setattr(look, "_topics", topics)
    public = {"intake": "https://report.example", "notify": "https://report.example:8443"}
    environment = {"IEUM_PUBLIC_URLS": json.dumps(public), "IEUM_METRICS_TOKEN": "secret"}
    await look.look(LocalSettings(var_dir=tmp_path), State(1, "up", "now"), environment)
    assert asked == public


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A var folder in which something runs, without engines of its own."""
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"{LOOPBACK}:1")
    monkeypatch.setenv("MONGODB_URI", f"mongodb://{LOOPBACK}:1")
    monkeypatch.setattr(RunFolder, "read", lambda _: State(1, "up", "2026-11-24T09:00:00+00:00"))
    keys.ensure(tmp_path)
    return tmp_path


def test_secrets_that_others_may_read_are_a_finding(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (running / keys.FILE).chmod(stat.S_IRUSR | stat.S_IROTH)
    assert doctor.main() == 1
    assert f"secrets: {running / keys.FILE} can be read by others: run chmod 600" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "found", "expected"),
    [
        ("INTAKE_PORT", "eight", "example: INTAKE_PORT=8001"),
        ("IEUM_PUBLIC_URLS", "https://report.example", 'example: IEUM_PUBLIC_URLS={"intake": '),
        ("IEUM_PUBLIC_URLS", '{"intake": 8001}', 'example: IEUM_PUBLIC_URLS={"intake": '),
        ("KAFKA_SECURITY_PROTOCOL", "SASL", "example: KAFKA_SECURITY_PROTOCOL=SASL_SSL"),
    ],
)
def test_a_wrong_setting_is_named_with_an_example(
    setting: str, found: str, expected: str, running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, found)
    with pytest.raises(SettingsError, match=f"^setting {setting}: ") as told:
        doctor.main()
    assert found in str(told.value)
    assert expected in str(told.value)


@pytest.mark.parametrize("answer", [b"<html>not ours</html>", b"[]", b'{"checks": 5}'])
async def test_a_port_on_which_another_program_answers_is_a_process_that_does_not(answer: bytes) -> None:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
        writer.close()

    server = await asyncio.start_server(served, LOOPBACK, 0)
    entry = ProcessEntry("intake", 7, server.sockets[0].getsockname()[1], 0, "ready")
    async with server, httpx.AsyncClient() as http:
        assert (await look._process(http, entry, {})).ready is None


async def test_an_address_that_is_none_is_told() -> None:
    async with httpx.AsyncClient() as http:
        assert await look._unreachable(http, {"intake": "https://report.example:44three"}) == {
            "intake": "https://report.example:44three: InvalidURL"
        }


def test_the_bus_is_reached_as_the_environment_says_and_a_wrong_word_of_it_is_named() -> None:
    assert kafka_settings({"KAFKA_TOPIC_PARTITIONS": "12"}).topic_partitions == int("12")
    with pytest.raises(SettingsError, match=r"setting KAFKA_TOPIC_PARTITIONS: .*example: KAFKA_TOPIC_PARTITIONS=12"):
        kafka_settings({"KAFKA_TOPIC_PARTITIONS": "twelve"})
