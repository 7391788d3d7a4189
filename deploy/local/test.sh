#!/usr/bin/env bash
# Every test but the long ones. Finds or installs Chromium; says plainly what was left out.
set -uo pipefail
cd "$(dirname "$0")/../.."

left_out=()
selection=()
if chromium=$(.venv/bin/python -m deploy.local.chromium --install); then
  export IEUM_CHROMIUM=$chromium
  echo "browser tests use $chromium"
else
  selection=(-m "not browser")
  left_out+=("browser tests (no Chromium)")
fi

.venv/bin/python -m pytest tests "${selection[@]}" --durations=10 "$@" </dev/null
status=$?

if ((${#left_out[@]})); then
  printf 'LEFT OUT: %s\n' "${left_out[@]}"
else
  echo "nothing was left out but the long tests (make torture, make bench)"
fi
exit $status
