"""``ieum keys root``: makes a root key and prints both halves as settings.

The private half is identity's alone; the public one is for every service. Reads no settings and stores nothing.
"""

import base64
import secrets
import sys

from shared.identity.keys import public_root_of
from shared.key_setting import KEY_BYTES


def main() -> int:
    """Print the two settings."""
    seed = secrets.token_bytes(KEY_BYTES)
    print(f"IDENTITY_ROOT_KEY={base64.b64encode(seed).decode()}")
    print(f"IEUM_IDENTITY_ROOT_KEYS={public_root_of(seed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
