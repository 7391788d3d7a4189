"""The jar lock: pinned, complete, and a changed jar is noticed."""

import hashlib
from pathlib import Path

import pytest

from tools.local import jar_lock
from tools.local.jars import LOCK_FILE, Jar, JarError, cache_dir, ensure, parse_lock, sha256_of

BYTES = b"a jar as it should be"
JAR = Jar(hashlib.sha256(BYTES).hexdigest(), "org.example", "thing", "1.0")


class Registry:
    """Stands in for the network: serves the given bytes and counts."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, jar: Jar, folder: Path) -> Path:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        folder.mkdir(parents=True)
        file = folder / f"{jar.artifact}.jar"
        file.write_bytes(answer)
        return file


def test_the_lock_names_kafka_its_tools_and_one_log_binding() -> None:
    locked = {str(jar) for jar in parse_lock(LOCK_FILE.read_text())}
    for artifact in ("kafka_2.13", "kafka-tools", "kafka-clients", "kafka-server"):
        assert f"org.apache.kafka:{artifact}:{jar_lock.KAFKA_VERSION}" in locked
    assert sum("log4j-slf4j" in name for name in locked) == 1
    assert len(locked) == len(parse_lock(LOCK_FILE.read_text()))


def test_the_lock_names_no_address() -> None:
    assert "://" not in LOCK_FILE.read_text()


def test_a_line_goes_out_as_it_came_in() -> None:
    assert parse_lock(JAR.line() + "\n") == (JAR,)


@pytest.mark.parametrize(
    "line", ["org.example:thing:1.0", "0" * 63 + "  a:b:1", "0" * 64 + "  a:b", "0" * 64 + " a:b:1"]
)
def test_a_line_that_is_not_one_is_named(line: str) -> None:
    with pytest.raises(JarError, match="line 2 of the jar lock"):
        parse_lock(f"# head\n{line}\n")


def test_an_empty_lock_is_refused() -> None:
    with pytest.raises(JarError, match="names no jars"):
        parse_lock("# only a head\n")


def test_a_jar_is_fetched_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    registry = Registry(BYTES)
    first = ensure((JAR,), tmp_path, registry, say=_quiet)
    again = ensure((JAR,), tmp_path, registry, say=_quiet)
    assert first == again
    assert sha256_of(first[0]) == JAR.sha256
    assert registry.asked == 1


def test_a_tampered_jar_is_named_and_fetched_again(tmp_path: Path) -> None:
    said: list[str] = []
    path = ensure((JAR,), tmp_path, Registry(BYTES), say=_quiet)[0]
    path.write_bytes(BYTES + b"!")
    registry = Registry(BYTES)
    ensure((JAR,), tmp_path, registry, say=said.append)
    assert path.read_bytes() == BYTES
    assert registry.asked == 1
    assert any("org.example:thing:1.0 does not have the locked sha256" in line for line in said)


def test_a_registry_that_serves_another_jar_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"cannot get org\.example:thing:1\.0: its sha256 is"):
        ensure((JAR,), tmp_path, Registry(b"something else"), say=_quiet)
    assert not JAR.path(tmp_path).exists()
    assert not list(tmp_path.glob("fetch-*"))


def test_a_passing_trouble_is_tried_again(tmp_path: Path) -> None:
    registry = Registry(OSError("reset"), BYTES)
    assert ensure((JAR,), tmp_path, registry, say=_quiet)
    assert registry.asked == 2


def test_a_lasting_trouble_is_named(tmp_path: Path) -> None:
    with pytest.raises(JarError, match="OSError: no route"):
        ensure((JAR,), tmp_path, Registry(OSError("no route")), say=_quiet)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert cache_dir() == Path("/somewhere/cache/ieum")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the XDG rules say to ignore it
    assert cache_dir() == Path.home() / ".cache" / "ieum"


def _quiet(_: str) -> None:
    return None
