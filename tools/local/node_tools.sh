#!/usr/bin/env bash
# Install what package-lock.json names under node_modules, unless it is there. Ends with 3 and a word where it cannot be.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(node --version 2>/dev/null | tr -d v || true)
if ! command -v npm >/dev/null || [[ -z $version ]] || ((${version%%.*} < 20)); then
  echo "left out: $1 (no Node.js of version 20 or later)"
  exit 3
fi
cmp -s package-lock.json node_modules/.ieum-lock.json && exit 0
if ! npm ci --silent >&2; then
  echo "left out: $1 (npm could not install what package-lock.json names)"
  exit 3
fi
cp package-lock.json node_modules/.ieum-lock.json
