"""Style sheets, scripts and pictures, held in memory and addressed by the digest of all of them.

One digest for the whole set, so that a module may import its neighbour by a relative address. An address with an old
digest still answers, but is not to be kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from shared.web.problems import Problem

SHARED_STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    media_type: str


class Assets:
    """All static files of a service and the shared ones; a service's file hides a shared one of the same name."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """``folders`` come after the shared one. Files of an unknown kind are an error (KeyError)."""
        self._files: dict[str, Asset] = {}
        for folder in (SHARED_STATIC, *folders):
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if path.is_file():
                    name = path.relative_to(folder).as_posix()
                    self._files[name] = Asset(path.read_bytes(), _TYPES[path.suffix])
        digest = hashlib.sha256()
        for name in sorted(self._files):
            digest.update(name.encode() + b"\0" + hashlib.sha256(self._files[name].body).digest())
        self.digest = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Return the address of a static file. An unknown name is an error in a template (KeyError)."""
        if name not in self._files:
            raise KeyError(f"no static file named {name!r}")
        return f"/static/{self.digest}/{name}"

    async def serve(self, request: Request) -> Response:
        """``GET /static/{digest}/{name}``."""
        asset = self._files.get(request.path_params["name"])
        if asset is None:
            raise Problem(404, "not_found", "There is nothing at this address.")
        current = request.path_params["digest"] == self.digest
        headers = {"Cache-Control": _FOR_EVER if current else "no-store"}
        return Response(asset.body, media_type=asset.media_type, headers=headers)
