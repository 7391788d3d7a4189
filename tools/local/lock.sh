#!/usr/bin/env bash
# Resolves dependencies anew: requirements.lock (services), requirements-dev.lock (all), and Kafka's jars.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v uv >/dev/null; then
  echo "uv is needed to resolve for all Python versions at once (pip install uv)" >&2
  exit 1
fi
resolve=(uv pip compile --quiet --universal --generate-hashes --upgrade --no-header --no-annotate --no-emit-index-url
  --python-version 3.11 pyproject.toml)
"${resolve[@]}" -o requirements.lock
"${resolve[@]}" --extra local --extra dev -o requirements-dev.lock
"${resolve[@]/pyproject.toml/tools/audit.in}" -o tools/audit.lock
tools/local/venv.sh
.venv/bin/python -m tools.local lock-jars
