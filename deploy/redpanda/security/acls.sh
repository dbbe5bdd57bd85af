#!/usr/bin/env bash
# The users of an installation on a Redpanda that asks who they are, and what each may do.
#
#   RPK="rpk -X user=superuser -X pass=… -X sasl.mechanism=SCRAM-SHA-256" \
#       deploy/redpanda/security/acls.sh tidelog-
#
# The passwords are asked for. `tidelog` runs nodes, `tidelog-admin` makes topics, `tidelog-reader`
# reads what is for outsiders. On Kubernetes, kubernetes/users.yaml says the same to the operator.
set -euo pipefail
prefix=${1:-tidelog-}
rpk=${RPK:-rpk}

user() {
    local password
    read -rsp "password of $1: " password
    echo
    $rpk security user create "$1" --password "$password" --mechanism SCRAM-SHA-256
}

allow() {
    local principal=$1
    shift
    $rpk security acl create --allow-principal "User:$principal" "$@"
}

user tidelog
allow tidelog --operation read,write,describe,describe_configs \
    --topic "$prefix" --resource-pattern-type prefixed
allow tidelog --operation read,describe --group "$prefix" --resource-pattern-type prefixed
# Easily forgotten: without it no node can commit anything.
allow tidelog --operation write,describe \
    --transactional-id "$prefix" --resource-pattern-type prefixed
# The producer of the gateways has no transactions, and is idempotent.
allow tidelog --operation idempotent_write --cluster

user tidelog-admin
allow tidelog-admin --operation create,describe,describe_configs \
    --topic "$prefix" --resource-pattern-type prefixed

user tidelog-reader
for topic in entity-changes entity-updates device-updates; do
    allow tidelog-reader --operation read,describe --topic "$prefix$topic"
done
allow tidelog-reader --operation read,describe --group readers- --resource-pattern-type prefixed
