#!/usr/bin/env bash
# Every test but the long ones, in two lanes side by side: most tests wait for something, and each lane has engines of
# its own. Finds or installs Chromium; says plainly what was left out. With arguments: one lane, pytest's own arguments.
set -uo pipefail
cd "$(dirname "$0")/../.."
umask 077

left_out=()
options=(--durations=10)
if chromium=$(.venv/bin/python -m deploy.local.chromium --install); then
  export IEUM_CHROMIUM=$chromium
  echo "browser tests use $chromium"
else
  options+=(-m "not browser")
  left_out+=("browser tests (no Chromium)")
fi

lane() { exec .venv/bin/python -m pytest "${options[@]}" "$@" </dev/null; }

status=0
if (($#)); then
  (lane "$@") || status=$?
else
  # Kafka's jars are fetched once, not twice at the same time.
  .venv/bin/python -m deploy.local fetch || exit 1
  mkdir -p var/tests
  aside=var/tests/integration.log
  lane tests/integration >"$aside" 2>&1 &
  integration=$!
  trap 'kill "$integration" 2>/dev/null' EXIT
  (lane tests --ignore=tests/integration) || status=$?
  echo "the other lane, tests/integration:"
  wait "$integration" || status=1
  cat "$aside"
  trap - EXIT
fi

if ((${#left_out[@]})); then
  printf 'LEFT OUT: %s\n' "${left_out[@]}"
else
  echo "nothing was left out but the long tests (make torture, make bench)"
fi
exit "$status"
