"""Hashing a password takes 64 MiB and a tenth of a second: that is not done in the process that must alert."""

import subprocess
import sys

from tools.local.processes import PROJECT

ASK = "import sys, services.notify.main; print(sorted({'argon2', 'pyotp', 'services.identity'} & sys.modules.keys()))"


def test_notify_does_not_load_what_hashes_passwords() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
