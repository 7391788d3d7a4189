"""Tie a child process to its parent: the kernel kills it when the parent's thread that started it ends.

And name a process, which is a call of the same kind.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True)


def tie(parent: int | None = None) -> Callable[[], None]:
    """Return what a child calls first, between fork and exec: ``parent`` is this process, unless another is named."""
    expected = os.getpid() if parent is None else parent

    def end_with_parent() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != expected:  # it died before the call above
            os._exit(1)

    return end_with_parent


def call_it(name: str) -> None:
    """Give this process a name for ``ps``, ``top`` and the kernel's messages, which show 15 bytes of it."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
