"""Finds a Chromium for browser tests and screenshots: the system's, else Playwright's, else installs one if it may.

``python -m tools.local.chromium [--install]`` prints its path, or says on stderr what was left out and exits with 1.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.local.settings import chromium_setting

NONE_FOUND = "no Chromium found: install chromium, or set IEUM_CHROMIUM to its path"
"""What is said, with what to do, where ``find`` finds none."""
_SHELL = "chromium-headless-shell"
"""Chromium without its windows and their pages: a third of the CPU for a page. Playwright takes the same."""
_NAMES = (_SHELL, "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_INSTALL_LIMIT_S = 900
_FONTS = "fonts-noto-cjk"


def find() -> str | None:
    """Path of a Chromium that is here, or None."""
    given = chromium_setting()
    if given:
        return given if Path(given).is_file() else None
    for name in _NAMES:
        found = shutil.which(name)
        if found and _runs(found):
            return found
    return _of_playwright()


def find_or_install(say: Callable[[str], None]) -> str | None:
    """As ``find``; if there is none, try the distribution's package (as root), then Playwright's download."""
    found = find()
    if found or chromium_setting():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _try(["apt-get", "update", "-q"], environment, say)
        for package in (_SHELL, "chromium"):  # not every Debian has the first
            say(f"no Chromium here: installing {package} and {_FONTS} with apt-get")
            _try(["apt-get", "install", "-q", "-y", "--no-install-recommends", package, _FONTS], environment, say)
            if found := find():
                return found
    say("no Chromium here: asking Playwright for its own")
    _try([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ), say)
    return find()


def main() -> int:
    """Print the path, or say that there is none."""
    found = find_or_install(_to_stderr) if "--install" in sys.argv[1:] else find()
    if found is None:
        _to_stderr(NONE_FOUND)
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only where browsers are wanted

    try:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Exception:  # Playwright's driver does not run here: then it has no browser either
        return None
    return path if Path(path).is_file() else None


def _runs(path: str) -> bool:
    """A name on the path may be a stub that only says where to get the real one."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _try(command: list[str], environment: dict[str, str], say: Callable[[str], None]) -> None:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            timeout=_INSTALL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{command[0]}: {error}")
        return
    if done.returncode != 0:
        say(f"{' '.join(command)} ended with status {done.returncode}")


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
