"""A new master key in the middle of it: the wrapping is killed half-way and begun again, and so is intake."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Final

from tools.local import processes, rotation
from tools.local.stack import Stack

_TRIES: Final = 60
_KILLED: Final = 3
"""So many runs of the wrapping are killed before one may end."""
_AFTER_S: Final = (0.4, 1.3, 1.8)
"""After starting: well before (an interpreter takes half a second and more), while and after it wraps."""
_AGAIN_S: Final = 0.5


class Rotating:
    """``done`` once every report's key is under the new master key and the old one is gone."""

    def __init__(self, stack: Stack) -> None:
        """Nothing happens yet."""
        self.done = False
        self.killed = 0
        self._stack = stack

    async def run(self) -> None:
        """Rotate; raises if it cannot be brought to its end."""
        await asyncio.to_thread(self._rotate)

    def _rotate(self) -> None:
        rotation.rotate(
            self._stack.settings.var, renew=self._stack.renew_secrets, rewrap=self._rewrap, say=lambda _: None
        )
        self.done = True

    def _rewrap(self) -> None:
        for attempt in range(_TRIES):
            child = self._start()
            if attempt < _KILLED:
                time.sleep(_AFTER_S[attempt])  # the moment of the kill is the point
                self.killed += child.poll() is None
                processes.kill(child)
                if attempt == 1 and (pid := self._stack.pids.get("intake")):
                    os.killpg(pid, signal.SIGKILL)
            elif child.wait() == 0:
                return
            time.sleep(_AGAIN_S)  # the store may be away
        raise AssertionError("the keys could not be wrapped anew")

    def _start(self) -> subprocess.Popen[bytes]:
        return processes.start(
            [sys.executable, "-m", "tools.command", "keys", "rewrap-reports"],
            log=self._stack.log_file("rotate"),
            env=self._stack.environment_of("intake"),
        )
