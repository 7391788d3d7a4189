#!/bin/sh
# A broker and controller of the compose file: its number is the argument.
set -eu
{
  cat /etc/ieum/kafka.properties
  echo "node.id=$1"
  echo "advertised.listeners=SASL_SSL://kafka-$1:9092,INTERNAL://kafka-$1:9094"
} > /tmp/server.properties
# How the health check asks: as the broker itself.
{
  echo "security.protocol=SSL"
  grep '^ssl\.[kt][a-z]*store\.' /etc/ieum/kafka.properties
} > /tmp/client.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id aWV1bS1jb21wb3NlLWNsdQ --config /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
