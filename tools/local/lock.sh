#!/usr/bin/env bash
# Resolves dependencies anew, for all Python versions at once: requirements.lock (services), requirements-dev.lock (all),
# tools/audit.lock, tools/local/uv.lock, and Kafka's jars.
set -euo pipefail
cd "$(dirname "$0")/../.."

resolve=(.venv/bin/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header --no-annotate --no-emit-index-url
  --python-version 3.11 pyproject.toml)
"${resolve[@]}" --extra all -o requirements.lock
"${resolve[@]}" --extra local --extra dev -o requirements-dev.lock
"${resolve[@]/pyproject.toml/tools/audit.in}" -o tools/audit.lock
"${resolve[@]/pyproject.toml/tools/local/uv.in}" -o tools/local/uv.lock
tools/local/venv.sh
.venv/bin/python -m tools.local.jar_lock
