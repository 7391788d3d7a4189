"""The broker's settings: what the design relies on is in them."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.routing.blows import LEADERS
from tests.integration.routing.cluster import node_settings
from tools.local import kafka
from tools.local.kafka import LocalKafka, properties, properties_text, with_doors
from tools.local.stack import START_LIMIT_S


def test_topics_appear_only_from_the_table() -> None:
    assert properties(port=1, controller_port=2, data=Path("/d"))["auto.create.topics.enable"] == "false"


def test_it_listens_on_loopback_only() -> None:
    found = properties(port=19092, controller_port=20000, data=Path("/d"))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:20000"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:19092"


def test_a_door_listens_on_one_port_and_is_known_to_clients_as_another() -> None:
    plain = properties(port=19092, controller_port=20000, data=Path("/d"))
    found = with_doors(plain, {21001: 21002}, is_secured=False)
    assert "DOOR1://127.0.0.1:21001" in found["listeners"].split(",")
    assert "DOOR1://127.0.0.1:21002" in found["advertised.listeners"].split(",")
    assert "DOOR1:PLAINTEXT" in found["listener.security.protocol.map"].split(",")
    assert with_doors(plain, {}, is_secured=False) == plain


def test_every_replication_factor_of_an_internal_topic_fits_one_node() -> None:
    found = properties(port=1, controller_port=2, data=Path("/d"))
    factors = {name: value for name, value in found.items() if name.endswith((".replication.factor", ".min.isr"))}
    assert len(factors) >= 5
    assert set(factors.values()) == {"1"}


def test_offsets_of_a_consumer_that_was_away_are_kept_for_years() -> None:
    found = properties(port=1, controller_port=2, data=Path("/d"))
    assert int(found["offsets.retention.minutes"]) > 365 * 24 * 60


def test_an_only_broker_is_not_fenced_for_being_slow() -> None:
    """Kafka's own times; what waits at the controller for half an interval counts as not heard."""
    found = properties(port=1, controller_port=2, data=Path("/d"))
    assert int(found.get("broker.session.timeout.ms", 9_000)) >= 9_000
    assert int(found.get("broker.heartbeat.interval.ms", 2_000)) >= 2_000
    assert int(found["initial.broker.registration.timeout.ms"]) >= START_LIMIT_S * 1000


def test_of_three_brokers_another_one_leads_before_the_killed_leader_is_back() -> None:
    found = node_settings(1, {1: 20001, 2: 20002, 3: 20003})
    away = min(blow.number for blow in LEADERS if blow.kind == "broker")
    assert int(found["broker.session.timeout.ms"]) < away * 1000
    assert int(found["broker.heartbeat.interval.ms"]) * 2 < int(found["broker.session.timeout.ms"])


def test_the_text_is_a_properties_file() -> None:
    assert properties_text({"a.b": "c,d", "e": "x\\y\nz"}) == "a.b=c,d\ne=x\\\\y\\nz\n"


def test_the_command_runs_the_broker_with_its_own_settings_and_log(tmp_path: Path) -> None:
    command = LocalKafka(tmp_path, 1, "one.jar:two.jar").command()
    assert command[-2:] == ["kafka.Kafka", str(tmp_path / "server.properties")]
    assert command[command.index("-cp") + 1] == "one.jar:two.jar"
    assert f"-Dlog4j2.configurationFile={tmp_path / 'log4j2.properties'}" in command


def test_kafkas_tool_formats_the_first_folder_and_those_after_it_differ_in_their_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def tool(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        data = tmp_path / "1" / "data"
        data.mkdir()
        (data / "bootstrap.checkpoint").write_bytes(b"features")
        (data / "meta.properties").write_text(f"cluster.id={command[command.index('-t') + 1]}\ndirectory.id=first\n")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(kafka, "kept_classes", lambda _: tmp_path / "kept.jsa")
    monkeypatch.setattr(kafka, "keep_java_classes", lambda: None)
    monkeypatch.setattr(subprocess, "run", tool)
    told = []
    for name in ("1", "2", "3"):
        LocalKafka(tmp_path / name, 19092, "").prepare()
        data = tmp_path / name / "data"
        assert (data / "bootstrap.checkpoint").read_bytes() == b"features"
        told.append(dict(line.split("=", 1) for line in (data / "meta.properties").read_text().splitlines()))
    assert len(ran) == 1
    assert len({each[key] for each in told for key in ("cluster.id", "directory.id")}) == 6
    assert {(each["version"], each["node.id"]) for each in told[1:]} == {("1", "1")}
    assert not list(tmp_path.rglob("*.[0-9]*")), "nothing is left half written"
