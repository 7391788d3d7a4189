#!/bin/sh
# Users of the store and their rights, as the table says.
set -eu
for name in INTAKE ROUTING NOTIFY AUDITOR ANALYTICS IDENTITY VERIFIER; do
  export "IEUM_STORE_PASSWORD_$name=$(cat "/run/secrets/STORE_$name")"
done
exec mongosh --nodb --quiet /etc/ieum/admin.js /etc/ieum/users.js
