"""Ports: a taken one is named with its setting and what to do."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local import ports

FEW_PORTS = (12_000, 15_000)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting(taken: int) -> None:
    free = ports.free_port()
    with pytest.raises(ports.PortTakenError) as caught:
        ports.check({"INTAKE_PORT": taken, "ROUTING_PORT": free})
    assert str(caught.value) == (
        f"port {taken} is in use (setting INTAKE_PORT): stop what uses it, or set INTAKE_PORT to another port"
    )


def test_all_taken_ports_are_named_at_once(taken: int) -> None:
    with pytest.raises(ports.PortTakenError, match=r"(?s)IEUM_KAFKA_PORT.*IEUM_STORE_PORT"):
        ports.check({"IEUM_KAFKA_PORT": taken, "IEUM_STORE_PORT": taken})


def test_one_port_for_two_things_is_refused() -> None:
    port = ports.free_port()
    with pytest.raises(ports.PortTakenError, match="wanted twice, by A_PORT and B_PORT"):
        ports.check({"A_PORT": port, "B_PORT": port})


def test_free_ports_pass_and_differ() -> None:
    found = ports.free_ports(8)
    assert len(set(found)) == 8
    ports.check({f"P{number}": port for number, port in enumerate(found)})


def test_a_free_port_is_never_one_the_system_gives_to_clients() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(port < lowest for port in ports.free_ports(20))


def test_processes_side_by_side_choose_different_ports_before_they_use_them() -> None:
    program = f"""
from tools.local import ports
ports._LOWEST, ports._HIGHEST = {FEW_PORTS}
print(*ports.free_ports(200), flush=True)
input()
"""
    command = [sys.executable, "-c", program]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    chosen = [(process.stdout or sys.stdin).readline().split() for process in processes]
    for process in processes:
        process.communicate("")
    assert len({port for ports_of_one in chosen for port in ports_of_one}) == 3 * 200


def test_a_process_for_which_no_block_is_left_still_finds_free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_hold_first_of_a_block", lambda: None)
    ports._block_of.cache_clear()
    try:
        found = ports.free_ports(20)
    finally:
        ports._block_of.cache_clear()
    assert all(ports.is_free(port) for port in found)


def test_where_no_port_is_free_it_says_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(ports.PortTakenError, match="found no free port among 300 between 20000 and "):
        ports.free_port()


def test_open_and_free_are_told_apart(taken: int) -> None:
    assert ports.is_open(taken)
    assert not ports.is_free(taken)
    free = ports.free_port()
    assert not ports.is_open(free)
    assert ports.is_free(free)
