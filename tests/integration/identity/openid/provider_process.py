"""The OpenID provider of these tests, which also signs logout tokens, and what only looks like one."""

import os
import sys
from typing import Any

import flask
import uvicorn
from authlib.jose import jwt
from oidc_provider_mock import app  # type: ignore[import-untyped]  # it has no types
from oidc_provider_mock._storage import storage  # type: ignore[import-untyped]  # as above


def made() -> flask.Flask:
    """The provider, with ``POST /sign`` (``header``, ``claims``)."""
    provider: flask.Flask = app(require_nonce=True)

    def sign() -> str:
        asked: dict[str, Any] = flask.request.get_json()
        token: bytes = jwt.encode({"alg": "RS256", **asked.get("header", {})}, asked["claims"], storage.jwk)
        return token.decode()

    provider.add_url_rule("/sign", view_func=sign, methods=["POST"])

    return provider


if __name__ == "__main__":
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    uvicorn.run(made(), interface="wsgi", host="127.0.0.1", port=int(sys.argv[1]), log_config=None)
