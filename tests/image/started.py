"""A service started from the image: read-only root, its unprivileged user, the locked packages.

Not collected by `make test` or `make test-all`: an image takes minutes and buildah. ``pytest tests/image/started.py``.
What runs is the image's own command, user, environment and files in a mount namespace of its own, without a container
runtime: it proves what is in the image and what it writes to, not a runtime's limits of memory, seccomp or network.
"""

import asyncio
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from services.intake.settings import IntakeSettings
from shared.identity.keys import public_root_of
from shared.settings import variable_of
from tests.support.waiting import eventually
from tools.local.ports import free_port

LOCK: Final = Path(__file__).parents[2] / "requirements.lock"
BUILDAH: Final = shlex.split(os.environ.get("BUILDAH", "buildah"))
IMAGE: Final = os.environ.get("IMAGE", "localhost/ieum")
STORAGE: Final = {"STORAGE_DRIVER": "vfs"} | dict(os.environ)
START: Final = """
set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -t tmpfs -o mode=0700,uid="$2" tmpfs "$1/var/lib/ieum"
shift 2
exec "$@"
"""


def buildah(*arguments: str) -> str:
    command = [*BUILDAH, *arguments]
    return subprocess.run(command, env=STORAGE, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The image's own: user, environment, folder, command."""
    if shutil.which("buildah") is None or os.geteuid() != 0:
        pytest.skip("left out: needs root and buildah (apt-get install buildah)")
    command = [*BUILDAH, "inspect", "--type", "image", IMAGE]
    found = subprocess.run(command, env=STORAGE, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"left out: there is no image {IMAGE} (CONTRIBUTING.md)")
    image: dict[str, Any] = json.loads(found.stdout)["OCIv1"]["config"]
    return image


@pytest.fixture(scope="module")
def root(config: dict[str, Any]) -> Iterator[Path]:
    """The image's files."""
    del config
    container = buildah("from", "--pull-never", IMAGE)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


def test_what_is_installed_is_what_is_locked(root: Path) -> None:
    locked: dict[str, set[str]] = {}  # some have one version for each Python
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", LOCK.read_text(), re.MULTILINE):
        locked.setdefault(name, set()).add(version)
    listed = subprocess.run(
        ["chroot", root, "python", "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    installed = {re.sub(r"[._]", "-", one["name"].lower()): one["version"] for one in json.loads(listed.stdout)}
    needed = {"aiokafka", "faststream", "motor", "pydantic", "pymongo", "uvicorn", "prometheus-client"}
    assert needed <= installed.keys()
    differing = {name for name in installed.keys() & locked.keys() if installed[name] not in locked[name]}
    assert differing == set()
    assert not installed.keys() & {"pytest", "mypy", "playwright"}, "only what runs"


def test_a_service_lives_on_a_read_only_root_as_an_unprivileged_user(config: dict[str, Any], root: Path) -> None:
    port = free_port()
    environment = dict(line.partition("=")[::2] for line in config["Env"]) | settings_for(port)
    user = config["User"]
    assert user not in {"", "0", "root"}
    inside = ["chroot", f"--userspec={user}:{user}", root, "env", f"--chdir={config['WorkingDir']}", *config["Cmd"]]
    command = ["unshare", "--mount", "sh", "-c", START, "start", root, user, *inside]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        answering = eventually(lambda: _live(port) or process.poll() is not None, "the process answers /health/live")
        asyncio.run(answering)
        assert process.poll() is None, process.communicate()[0][-2000:]
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{user}\t{user}\t{user}\t{user}" in status
        mounts = Path(f"/proc/{process.pid}/mounts").read_text().splitlines()
        assert any(line.split()[1] == "/" and line.split()[3].startswith("ro") for line in mounts)
    finally:
        process.terminate()
        process.wait(30)
    assert process.returncode == 0


def settings_for(port: int) -> dict[str, str]:
    """What intake cannot do without: keys, each of its own, a port, and engines that do not answer."""
    required = [
        variable_of(IntakeSettings, n) for n, field in IntakeSettings.model_fields.items() if field.is_required()
    ]
    return {name: base64.b64encode(os.urandom(32)).decode() for name in required} | {
        "IEUM_HOST": "127.0.0.1",
        "IEUM_IDENTITY_ROOT_KEYS": public_root_of(os.urandom(32)),
        "INTAKE_PORT": str(port),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "MONGODB_URI": "mongodb://127.0.0.1:1/",
    }


def _live(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2) as answer:  # http
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
