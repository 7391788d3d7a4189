"""OpenAPI 3.1 of each service, from its application as it is built to run; nothing connects.

Each is made in a process of its own with an empty environment, so that nobody's settings stand in a document.
"""

import base64
import hashlib
import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from inspect import signature
from typing import Any

from fastapi import FastAPI

from shared import log
from shared.clock import SystemClock
from shared.identity.keys import public_root_of
from shared.settings import KafkaSettings, StoreSettings, load
from shared.web.openapi import openapi_of
from tools.local import keys, plan
from tools.local.processes import PROJECT, base_environment
from tools.local.settings import SERVICES


def files() -> dict[str, str]:
    """One document per service, by path below ``docs``. Raises RuntimeError with the words of one that fails."""
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return dict(zip((f"openapi/{name}.json" for name in SERVICES), pool.map(_of, SERVICES), strict=True))


def _key(name: str) -> bytes:
    """Make a key that is in no use; each name has another."""
    return hashlib.sha256(name.encode()).digest()


def document(service: str) -> dict[str, Any]:
    """The document of a service, built here with the settings of this process."""
    return openapi_of(application(service))


def application(service: str) -> FastAPI:
    """The application of a service, built here with the settings of this process."""
    main = importlib.import_module(f"services.{service}.main")
    settings = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    given = {
        "settings": load(settings),
        "bus_settings": load(KafkaSettings),
        "store_settings": load(StoreSettings),
        "clock": SystemClock(),
    }
    app: FastAPI = main.build(**{name: given[name] for name in signature(main.build).parameters}).app
    return app


def _of(service: str) -> str:
    return apart("tools.docs_generation.openapi", service)


@cache
def apart(module: str, service: str, **more: str) -> str:
    """Run a module about a service in a process of its own and return its output. RuntimeError has its last words."""
    secrets = {name: base64.b64encode(_key(name)).decode() for name in plan.SECRETS_OF[service]}
    env = base_environment() | secrets | {keys.PUBLIC_ROOTS: public_root_of(_key(keys.ROOT))} | more
    made = subprocess.run(
        [sys.executable, "-m", module, service],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"{service} could not be described:\n{made.stderr[-2000:]}")
    return made.stdout


if __name__ == "__main__":
    # On stderr: what a service says of itself while it is built must not stand in the document.
    log.configure("docs", "ERROR")
    sys.stdout.write(json.dumps(document(sys.argv[1]), ensure_ascii=False, indent=2) + "\n")
