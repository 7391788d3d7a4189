"""Tests that fetch packages are skipped where the network is away, and fail for everything else."""

import sys
from pathlib import Path

import pytest

from tests.support.commands import fetched

LINES = (
    "go: sigs.k8s.io/kustomize/kustomize/v5@v5.7.0: dial tcp: lookup proxy.example on 10.0.0.1:53: no such host",
    "[ERROR] Could not transfer artifact org.apache.kafka:kafka-clients:pom:4.1.0 from/to central: Unknown host",
    "WARNING: Retrying after connection broken by 'NewConnectionError': Temporary failure in name resolution",
    "npm error code EAI_AGAIN",
)


def said(text: str, status: int) -> list[str | Path]:
    return [sys.executable, "-c", f"import sys; sys.stderr.write({text!r}); print('done'); sys.exit({status})"]


@pytest.mark.parametrize("line", LINES)
def test_without_a_network_a_test_is_skipped_and_says_why(line: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="the network is away") as skipped:
        fetched(said(f"first\n{line}\nlast", 1), tmp_path)
    assert line in str(skipped.value)


def test_nothing_within_the_limit_is_no_network_either(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="the network is away"):
        fetched([sys.executable, "-c", "import signal; signal.pause()"], tmp_path, limit_s=0.1)


def test_what_failed_for_another_reason_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="does not compile"):
        fetched(said("main.go does not compile", 1), tmp_path)
    assert fetched(said("dial tcp: once, and then it came", 0), tmp_path).stdout.strip() == "done"
