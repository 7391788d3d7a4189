"""Kafka's jars: pinned by coordinate and sha256, fetched once per user, checked at every start.

The lock file holds one jar per line, ``sha256  group:artifact:version``. Each jar is fetched alone, exactly as locked;
no dependency is resolved at run time, so nothing can drift.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<group>[\w.-]+):(?P<artifact>[\w.-]+):(?P<version>[\w.-]+)")
_PARALLEL_DOWNLOADS = 8
_ATTEMPTS = 3
_DOWNLOAD_TIMEOUT_S = 60


class JarError(Exception):
    """The lock file is wrong, or a jar cannot be had as locked. The text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    sha256: str
    group: str
    artifact: str
    version: str

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    def line(self) -> str:
        """As it stands in the lock file."""
        return f"{self.sha256}  {self}"

    def path(self, cache: Path) -> Path:
        """Return its path in the cache."""
        return cache / "jars" / self.group / f"{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]
"""Downloads a jar somewhere below the given folder and returns the file. Raises on failure."""


def cache_dir() -> Path:
    """The user's cache for this project: ``$XDG_CACHE_HOME/ieum``, else ``~/.cache/ieum``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "ieum"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Read a lock file. Raises JarError naming the line that is not as it should be."""
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            raise JarError(f"line {number} of the jar lock is not 'sha256  group:artifact:version': {line[:120]!r}")
        jars.append(Jar(**match.groupdict()))
    if not jars:
        raise JarError("the jar lock names no jars")
    return tuple(jars)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wrong_or_missing(jars: tuple[Jar, ...], cache: Path) -> tuple[list[Jar], list[Jar]]:
    """The jars whose cached file has another sum, and those without a file."""
    wrong, missing = [], []
    for jar in jars:
        path = jar.path(cache)
        if not path.is_file():
            missing.append(jar)
        elif sha256_of(path) != jar.sha256:
            wrong.append(jar)
    return wrong, missing


def ensure(
    jars: tuple[Jar, ...], cache: Path, fetch: Fetch | None = None, say: Callable[[str], None] = print
) -> list[Path]:
    """Every jar, in lock order, with the locked sum: from the cache, else fetched. Raises JarError."""
    cache.mkdir(parents=True, exist_ok=True)
    wrong, missing = wrong_or_missing(jars, cache)
    if wrong or missing:
        with _locked(cache):  # two checkouts share the cache
            wrong, missing = wrong_or_missing(jars, cache)
            for jar in wrong:
                say(f"cached {jar} does not have the locked sha256 and is fetched again")
                jar.path(cache).unlink()
            todo = [*wrong, *missing]
            if todo:
                say(f"fetching {len(todo)} jars of Apache Kafka into {cache / 'jars'} (once per user)")
                _fetch_all(todo, cache, fetch or fetch_with_jgo)
    return [jar.path(cache) for jar in jars]


def classpath(say: Callable[[str], None] = print) -> str:
    """The verified class path of the locked Kafka."""
    jars = parse_lock(LOCK_FILE.read_text(encoding="utf-8"))
    return os.pathsep.join(str(path) for path in ensure(jars, cache_dir(), say=say))


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """Download one jar, and nothing it depends on, from the Maven repository the user's jgo is set to."""
    from jgo.config import GlobalSettings  # noqa: PLC0415  # half a second of imports that most starts do not need
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415  # as above
    from jgo.maven import MavenContext  # noqa: PLC0415  # as above

    context = MavenContext(
        repo_cache=folder,
        local_repos=[],
        remote_repos=GlobalSettings.load().repositories or {"central": MAVEN_CENTRAL_URL},
        timeout=_DOWNLOAD_TIMEOUT_S,
    )
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


def _fetch_all(jars: list[Jar], cache: Path, fetch: Fetch) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as staging,
        ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool,
    ):
        list(pool.map(lambda jar: _fetch_one(jar, cache, Path(staging), fetch), jars))


def _fetch_one(jar: Jar, cache: Path, staging: Path, fetch: Fetch) -> None:
    trouble = ""
    for attempt in range(_ATTEMPTS):
        folder = staging / f"{jar.artifact}-{attempt}"
        try:
            file = fetch(jar, folder)
        except Exception as error:  # whatever the network did, it is tried again and then named
            trouble = f"{type(error).__name__}: {error}"
            continue
        found = sha256_of(file)
        if found == jar.sha256:
            target = jar.path(cache)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
            return
        trouble = f"its sha256 is {found}, locked is {jar.sha256}"
        shutil.rmtree(folder, ignore_errors=True)
    raise JarError(
        f"cannot get {jar}: {trouble}. Is there a network, and is the jar lock right ({LOCK_FILE.name})? "
        "With KAFKA_BOOTSTRAP_SERVERS set, that Kafka is used and none is fetched."
    )


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
