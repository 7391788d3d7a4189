#!/usr/bin/env bash
# What the services are made of: a bill of materials (CycloneDX), each package's licence, and what is known to be unsafe in the locked versions.
# Its tools have an environment of their own (tools/audit.lock). The last part asks the package index; where it cannot be asked, that is said and the status is 1.
set -euo pipefail
cd "$(dirname "$0")/.."
out=var/audit-of-packages
tools=$out/tools
mkdir -p "$out"
if ! cmp -s tools/audit.lock "$tools/made-from" 2>/dev/null; then
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r tools/audit.lock
  cp tools/audit.lock "$tools/made-from"
fi
"$tools/bin/cyclonedx-py" requirements --pyproject pyproject.toml --output-reproducible --of JSON -o "$out/sbom.cdx.json" requirements.lock 2>/dev/null
echo "bill of materials: $out/sbom.cdx.json"
mapfile -t packages < <(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' requirements.lock)
# A licence that forbids what Apache-2.0 allows must not come in unseen: the rest of these say so themselves.
"$tools/bin/pip-licenses" --python=.venv/bin/python --packages "${packages[@]}" --format=markdown --output-file="$out/licences.md" \
  --partial-match --fail-on='GPL;AGPL' >/dev/null
echo "licences: $out/licences.md"
"$tools/bin/pip-audit" -r requirements.lock --require-hashes --disable-pip --strict --progress-spinner=off
