#!/usr/bin/env bash
# What only Tidelog is measured by, on a broker of its own: the latency of single writes at 100 a
# second, and how fast a lost store is rebuilt. Each three times.
#
# PATCHES: how many the changelog is made of. BYTES: of each. BIN: where the programs are.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BIN:-$ROOT/target/release}
PATCHES=${PATCHES:-500000}
BYTES=${BYTES:-200}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/tidelog-kafka.XXXXXX")
finish() {
    [ ! -e "$WORK/contestant" ] || kill -9 "$(cat "$WORK/contestant")" 2>/dev/null || true
    "$ROOT/bench/scripts/broker.sh" stop "$WORK/broker"
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 1' INT TERM

ADDRESS=$("$ROOT/bench/scripts/broker.sh" start "$WORK/broker")
for round in 1 2 3; do
    "$BIN/kafka-tidelog" latency --brokers "$ADDRESS" --prefix "latency$round-" \
        --state "$WORK/latency$round" --commit-ms 20
done

# A changelog, as entity-storage leaves it behind.
PLACE=(--brokers "$ADDRESS" --prefix restore- --partitions 8)
"$BIN/kafka-bench" topics create "${PLACE[@]}"
"$BIN/kafka-bench" preload "${PLACE[@]}" --patches "$PATCHES" --bytes "$BYTES"
"$BIN/kafka-bench" measure "${PLACE[@]}" --name tidelog --patches "$PATCHES" --bytes "$BYTES" \
    --commit-ms 100 --broker-pid "$(cat "$WORK/broker/pid")" --results /dev/null \
    --pid-file "$WORK/contestant" \
    -- "$BIN/kafka-tidelog" serve "${PLACE[@]}" --state "$WORK/served"
for round in 1 2 3; do
    "$BIN/kafka-tidelog" restore "${PLACE[@]}" --state "$WORK/restored$round"
done
