"""Start services as forks of one process that has imported what they have in common.

Importing takes a service two to three seconds of processor time and fifty megabytes; a fork has it all at once, and
shares the memory. In production each service is a container of its own and imports for itself.

The process that forks (``python -m tools.local.preloading FD``) reads no environment of a service: a child reads its
own, from a file that is handed through unread, so that no service begins with another's secrets in its memory.
"""

import contextlib
import errno
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from tools.local import lifeline

MODULES: Final = (
    "shared.jobs",
    "shared.kafka.broker",
    "shared.kafka.reader",
    "shared.mongo",
    "shared.outbox",
    "shared.web.app",
    "shared.web.serve",
)
"""What services have in common, with the libraries that it needs."""
_MESSAGE_BYTES: Final = 4096
_GIVEN: Final = 2
"""Files that go with a message: what the child is told, and its output."""
_ANSWER_LIMIT_S = 240.0
"""A fork takes milliseconds, but the first one waits for all imports: as long as the launcher does, since on a busy
machine they took more than a minute. The launcher's own wait begins afterwards, so a start may take both together."""
_KILLED: Final = -int(signal.SIGKILL)
_HAS_ENDED: Final = "the process that forks services has ended"


@cache
def can_fork() -> bool:
    """Whether forks can be watched here: only Linux has the call, and a sandbox may refuse it."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class ForkedChild:
    """A running fork, to be used like ``subprocess.Popen``."""

    def __init__(self, pid: int, ended: threading.Condition) -> None:
        self.pid: Final = pid
        self.returncode: int | None = None
        """As Popen's: the exit status, or the negative number of the signal that ended it; None while it runs."""
        self._ended = ended

    def poll(self) -> int | None:
        """Return ``returncode`` as far as it is known now."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return ``returncode`` once there is one. Raises ``subprocess.TimeoutExpired``."""
        with self._ended:
            self._ended.wait_for(lambda: self.returncode is not None, timeout)
            if self.returncode is None:
                raise subprocess.TimeoutExpired([f"pid {self.pid}"], timeout or 0.0)
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, if it still runs."""
        self.send_signal(signal.SIGTERM)

    def end(self, returncode: int) -> None:
        """Note how it ended."""
        with self._ended:
            self.returncode = returncode
            self._ended.notify_all()


class Preloader:
    """The process that forks, seen from the launcher. Like every child it is started from one thread that stays."""

    def __init__(self, cwd: Path, env: Mapping[str, str]) -> None:
        """Start it; it imports while others are started. ``env`` names no secret."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process: Final = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
                preexec_fn=lifeline.tie(),  # noqa: PLW1509  # two system calls, no lock taken
            )
        self._ended = threading.Condition()
        self._children: dict[int, ForkedChild] = {}
        self._answers: list[ForkedChild | OSError] = []
        self._turn = threading.Lock()
        threading.Thread(target=self._listen, name="forks", daemon=True).start()

    def start(self, module: Sequence[str], *, output: IO[bytes], env: Mapping[str, str]) -> ForkedChild:
        """Run ``python -m module`` (and its arguments) as a fork.

        Raises ``OSError`` if there cannot be a fork now, or if the process that forks has ended or does not answer; the
        latter ends it, and so all that it forked.
        """
        told = {"module": list(module), "env": dict(env)}
        with self._turn, os.fdopen(os.memfd_create("environment"), "wb") as given:
            given.write(json.dumps(told).encode())
            given.flush()
            self._answers.clear()
            try:
                socket.send_fds(self._socket, [b"fork"], [given.fileno(), output.fileno()])
            except OSError as error:
                raise OSError(_HAS_ENDED) from error
            with self._ended:
                told_in_time = self._ended.wait_for(
                    lambda: self._answers or self.process.poll() is not None, _ANSWER_LIMIT_S
                )
            if not told_in_time:
                self.stop()
                raise OSError("the process that forks services did not answer and was killed")
            if not self._answers:
                raise OSError(_HAS_ENDED)
            answer = self._answers[0]
            if isinstance(answer, OSError):
                raise answer
            return answer

    def _listen(self) -> None:
        while message := self._received():
            told = json.loads(message)
            with self._ended:
                if "forked" in told:
                    child = self._children[told["forked"]] = ForkedChild(told["forked"], self._ended)
                    self._answers.append(child)
                    self._ended.notify_all()
                elif "failed" in told:
                    self._answers.append(OSError(told["failed"], os.strerror(told["failed"])))
                    self._ended.notify_all()
                else:
                    self._children.pop(told["ended"]).end(told["returncode"])
        self.process.wait()
        with self._ended:
            # They are tied to it as it is to the launcher.
            for child in self._children.values():
                child.end(_KILLED)
            self._ended.notify_all()

    def _received(self) -> bytes:
        """The next message; none once it has ended, also where it had not read all that it was sent."""
        try:
            return self._socket.recv(_MESSAGE_BYTES)
        except OSError:
            return b""

    def stop(self) -> None:
        """End it; nothing it forked may still be needed."""
        self.process.kill()
        self.process.wait()


# --- the process that forks


def serve(connection: socket.socket) -> None:
    """Import, then fork whenever asked, until the launcher is gone."""
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection of a child's would write to every object, and so copy what is shared
    running: dict[int, int] = {}
    while True:
        ready: list[int] = select.select([connection.fileno(), *running], [], [])[0]
        for watch in set(ready) & running.keys():
            pid = running.pop(watch)
            os.close(watch)
            _, status = os.waitpid(pid, 0)
            _tell(connection, {"ended": pid, "returncode": os.waitstatus_to_exitcode(status)})
        if connection.fileno() in ready:
            message, given, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, _GIVEN)
            if not message:
                return
            try:
                pid, watch = _fork(connection, running, given)
            except OSError as error:  # of this one alone: the others run on
                _tell(connection, {"failed": error.errno or errno.EAGAIN})
            else:
                running[watch] = pid
                _tell(connection, {"forked": pid})
            for fd in given:
                os.close(fd)


def _fork(connection: socket.socket, running: Mapping[int, int], given: Sequence[int]) -> tuple[int, int]:
    """A child's process id, and the descriptor that tells of its end. After an ``OSError`` there is no child."""
    if len(given) < _GIVEN:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(parent, connection, running, *given)
    try:
        return pid, os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _tell(connection: socket.socket, message: Mapping[str, int]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the launcher is gone, and we are next
        connection.send(json.dumps(message).encode())


def _become(parent: int, connection: socket.socket, running: Mapping[int, int], given: int, output: int) -> NoReturn:
    """Be the service: in a session of its own, with its own environment and output. Ends the process."""
    status = 1
    try:
        os.setsid()
        lifeline.tie(parent)()
        connection.close()
        os.dup2(output, 1)
        os.dup2(output, 2)
        for fd in (output, *running):
            os.close(fd)
        with os.fdopen(given, "rb") as file:
            file.seek(0)
            told: dict[str, Any] = json.load(file)
        lifeline.call_it(told["module"][0].rpartition(".")[2])
        os.environ.clear()
        os.environ.update(told["env"])
        sys.argv = list(told["module"])
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
