"""Tests; whatever runs them has the root key of tests in its environment, and so have the processes they start."""

import base64
import os
from typing import Final

from shared.identity.keys import public_root_of

ROOT_SEED: Final = b"r" * 32
os.environ["IDENTITY_ROOT_KEY"] = base64.b64encode(ROOT_SEED).decode()
os.environ["IEUM_IDENTITY_ROOT_KEYS"] = public_root_of(ROOT_SEED)
