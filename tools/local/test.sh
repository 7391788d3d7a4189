#!/usr/bin/env bash
# Every test but the long ones, in three lanes side by side: most tests wait for something, and each lane has engines of
# its own. Finds or installs Chromium; says plainly what was left out. With arguments: one lane, pytest's own arguments.
set -uo pipefail
cd "$(dirname "$0")/../.."
umask 077

left_out=()
options=(--durations=10)
if chromium=$(.venv/bin/python -m tools.local.chromium --install); then
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
  # Kafka's jars are fetched once, not three times at the same time.
  .venv/bin/python -m tools.local fetch || exit 1
  of=tests/integration
  # About as long each; what is in neither of the others is in the first, so that no new folder is left out.
  second=("$of"/{intake,bus,analytics,ownership})
  third=("$of"/{accounts,local,notify,routing,trust})
  mkdir -p var/tests
  lane "${second[@]}" >var/tests/second.log 2>&1 &
  others=($!)
  lane "${third[@]}" >var/tests/third.log 2>&1 &
  others+=($!)
  trap 'kill "${others[@]}" 2>/dev/null' EXIT
  (lane tests "${second[@]/#/--ignore=}" "${third[@]/#/--ignore=}") || status=$?
  for number in 0 1; do
    wait "${others[number]}" || status=1
  done
  trap - EXIT
  echo "the other lanes, ${second[*]}:"
  cat var/tests/second.log
  echo "and ${third[*]}:"
  cat var/tests/third.log
  echo "all of it took $SECONDS s"
fi

if ((${#left_out[@]})); then
  printf 'LEFT OUT: %s\n' "${left_out[@]}"
else
  echo "nothing was left out but the long tests (make torture, make bench)"
fi
exit "$status"
