#!/usr/bin/env bash
# Format, lint, import rules, generated documents, translations and types. Runs all of them and names those that failed.
set -uo pipefail
cd "$(dirname "$0")/../.."

failed=()
output=$(mktemp)
trap 'rm -f "$output"' EXIT

step() {
  "${@:2}" </dev/null || failed+=("$1")
}

# Types take the longest: 55 s alone where nothing is kept of an earlier run, 34 s with a worker for each of two cores.
.venv/bin/mypy --num-workers 2 >"$output" 2>&1 </dev/null &
types=$!
# Without its cache: import order depends on which packages exist, which the cache does not see.
step format .venv/bin/ruff format --no-cache --check --quiet .
step lint .venv/bin/ruff check --no-cache --quiet .
step "import rules" .venv/bin/lint-imports
step documents .venv/bin/python -m tools.docs_generation --check
step site env NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
step "API documents" tools/local/lint_openapi.sh
step texts .venv/bin/python -m shared.web.messages --check
wait "$types" || failed+=(types)
cat "$output"

mkdir -p var/tests
printf '{"target": "check", "seconds": %d, "status": %d, "passed": 0, "failed": %d, "skipped": 0, "slowest": []}\n' \
  "$SECONDS" "$((${#failed[@]} > 0))" "${#failed[@]}" >var/tests/check.json
if ((${#failed[@]})); then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "all checks passed in $SECONDS s"
