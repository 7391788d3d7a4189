#!/bin/sh
# The store of the compose file. MongoDB takes a key file only if nobody else can read it.
set -eu
install -m 0400 /run/secrets/STORE_KEYFILE /tmp/keyfile
exec docker-entrypoint.sh mongod --replSet rs0 --bind_ip_all --keyFile /tmp/keyfile \
  --tlsMode requireTLS --tlsCertificateKeyFile /run/secrets/ieum-store.both.pem --tlsCAFile /run/secrets/ca.pem \
  --tlsAllowConnectionsWithoutCertificates
