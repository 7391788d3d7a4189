#!/usr/bin/env bash
# Redocly and Spectral over the OpenAPI documents, Spectral over the AsyncAPI document; a warning fails as well. Left out, with a word, where there is no Node.js.
set -uo pipefail
cd "$(dirname "$0")/../.."

tools/local/node_tools.sh "linting the OpenAPI documents" || { (($? == 3)) && exit 0 || exit 1; }
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
node_modules/.bin/redocly lint --config redocly.yaml --format=stylish docs/openapi/*.json >"$output" 2>&1 || status=1
((status == 0)) || cat "$output"
node_modules/.bin/spectral lint --quiet --fail-severity=warn docs/openapi/*.json docs/asyncapi/*.yaml || status=1
exit "$status"
