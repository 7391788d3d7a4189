"""Writes ``kafka-jars.lock`` anew: resolves Apache Kafka and its log binding, and notes every jar's sha256."""

import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tools.local.jars import LOCK_FILE, Jar

KAFKA_VERSION = "4.3.1"
_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.apache.kafka:kafka-tools:{KAFKA_VERSION}"
# Kafka's jars bring slf4j and log4j but no binding between them; without this one every broker error is lost.
_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
_HEAD = """\
# Jars of Apache Kafka {version}, one per line: sha256  group:artifact:version
# Written by `python -m tools.local.jar_lock`; checked at every start.
"""


def regenerate() -> int:
    """Resolve and write the lock; returns how many jars it names."""
    with tempfile.TemporaryDirectory() as folder:
        kafka = _resolve(_KAFKA, Path(folder) / "kafka")
        # In a call of its own, and only this jar of it: together with Kafka its parent's version list would win and
        # give an older kafka-clients, with which the broker dies.
        binding = [jar for jar in _resolve(_BINDING, Path(folder) / "binding") if str(jar) == _BINDING]
    jars = [*kafka, *binding]
    _check(jars)
    lines = "\n".join(jar.line() for jar in sorted(jars, key=str))
    LOCK_FILE.write_text(_HEAD.format(version=KAFKA_VERSION) + lines + "\n", encoding="utf-8")
    return len(jars)


def _resolve(endpoint: str, folder: Path) -> list[Jar]:
    import jgo  # noqa: PLC0415  # half a second of imports that only this command needs

    environment = jgo.build(endpoint, cache_dir=folder)
    lock = tomllib.loads((Path(environment.path) / "jgo.lock.toml").read_text(encoding="utf-8"))
    return [_jar(entry) for entry in lock["dependencies"]]


def _jar(entry: dict[str, Any]) -> Jar:
    if entry.get("classifier") or entry.get("packaging", "jar") != "jar":
        raise ValueError(f"only plain jars are expected, not {entry}")
    return Jar(entry["sha256"], entry["groupId"], entry["artifactId"], entry["version"])


def _check(jars: list[Jar]) -> None:
    versions = {(jar.group, jar.artifact): jar.version for jar in jars}
    if len(versions) != len(jars):
        raise ValueError("a jar is named twice")
    clients = versions.get(("org.apache.kafka", "kafka-clients"))
    if clients != KAFKA_VERSION:
        raise ValueError(f"kafka-clients resolved to {clients}, not {KAFKA_VERSION}")


if __name__ == "__main__":
    print(f"{regenerate()} jars locked in {LOCK_FILE.name}")
