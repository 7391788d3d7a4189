#!/bin/sh
# Users of the store and their rights, as the table says.
set -eu
for name in INTAKE ROUTING NOTIFY AUDITOR ANALYTICS IDENTITY VERIFIER; do
  export "IEUM_STORE_PASSWORD_$name=$(cat "/run/secrets/STORE_$name")"
done
exec mongosh --quiet "mongodb://admin:$(cat /run/secrets/STORE_ADMIN)@mongodb:27017/?replicaSet=rs0&authSource=admin&tls=true&tlsCAFile=/run/secrets/ca.pem" /etc/ieum/users.js
