#!/usr/bin/env bash
# Makes .venv from requirements-dev.lock, every package checked by hash. Does nothing if the one there fits the lock.
# With --find it only names the Python it would take, and ends with 1 where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The distribution's Python first: it is built with what a profile showed, which one built on the spot (pyenv) mostly is not
# (decision 22). A name on the path is not enough: version managers leave names that only print an error.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} /usr/bin/python3.1{3,2,1} python3.1{3,2,1} python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}
if [[ ${1:-} == --find ]]; then
  find_python
  exit
fi

lock=requirements-dev.lock
stamp=.venv/.made-from
wanted=$(sha256sum <"$lock" | cut -d' ' -f1)
# The checkout's own `ieum`, as installing the package makes one.
ieum() {
  printf '#!%s\nimport sys\n\nsys.path.insert(0, "%s")\nfrom tools.command.app import entry\n\nentry()\n' "$PWD/.venv/bin/python" "$PWD" >.venv/bin/ieum
  chmod +x .venv/bin/ieum
}
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && .venv/bin/python -c '' 2>/dev/null; then
  [[ -x .venv/bin/ieum ]] || ieum
  exit 0
fi

if ! python=$(find_python); then
  echo "Python 3.11, 3.12 or 3.13 with its venv module is needed and was not found." >&2
  echo "Debian or Ubuntu: apt-get install python3-venv. Elsewhere: make PYTHON=/path/to/python3.13" >&2
  exit 1
fi

echo "making .venv with $("$python" --version) from $lock"
rm -rf .venv
"$python" -m venv .venv
checked=(--quiet --require-hashes --only-binary :all: -r)
pip=(.venv/bin/python -m pip install --disable-pip-version-check --no-compile "${checked[@]}")
"${pip[@]}" tools/local/uv.lock
# uv takes a fifth of pip's time, but reads none of pip's settings. Where pip is told of an index, pip asks it.
if .venv/bin/python -m pip config list | grep -q index-url ||
  ! .venv/bin/uv pip install --python .venv/bin/python "${checked[@]}" "$lock"; then
  echo "pip installs them, in place of uv"
  "${pip[@]}" "$lock"
fi
ieum
echo "$wanted" >"$stamp"
