#!/usr/bin/env bash
# Exactly-once patches per second on a broker, contestants in turn: kafka.sh [bare] [tidelog] [streams]
# Each run has topics, group and state of its own; the input is preloaded; all must end with the same
# documents. Prints tables of medians and spread, with ratios; bench/README.md says what is measured.
#
# ROUNDS: how often each. PATCHES: how many. SIZES: bytes of a patch. INTERVALS: of commits, in ms.
# WARM: patches of a run that does not count, for the broker. BIN: where kafka-bench is.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BIN:-$ROOT/target/release}
ROUNDS=${ROUNDS:-3}
PATCHES=${PATCHES:-1000000}
ENTITIES=${ENTITIES:-100000}
PARTITIONS=${PARTITIONS:-8}
SIZES=${SIZES:-200 400}
INTERVALS=${INTERVALS:-20 100}
WARM=${WARM:-200000}
RESULTS=${RESULTS:-$ROOT/target/bench-kafka/results-$(date +%Y%m%d-%H%M%S).jsonl}
STREAMS=$ROOT/target/bench-kafka/streams
CONTESTANTS=("${@:-bare}")
[ $# -gt 0 ] || CONTESTANTS=(bare tidelog streams)

WORK=$(mktemp -d "${TMPDIR:-/tmp}/tidelog-kafka.XXXXXX")
finish() {
    # What is left if a run is cut off: its contestant, then the broker.
    [ ! -e "$WORK/contestant" ] || kill -9 "$(cat "$WORK/contestant")" 2>/dev/null || true
    "$ROOT/bench/scripts/broker.sh" stop "$WORK/broker"
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 1' INT TERM

# How a contestant is started, as the array COMMAND. It is to use the topics `$PREFIX…`, the group
# `${PREFIX}entity-storage`, one thread, and a folder of its own; SIGTERM ends it.
command_of() { # NAME COMMIT_MS
    local common=(--brokers "$ADDRESS" --prefix "$PREFIX" --state "$WORK/state" --commit-ms "$2")
    case $1 in
        bare) COMMAND=("$BIN/kafka-bench" bare "${common[@]}" --partitions "$PARTITIONS") ;;
        streams)
            # 512 MiB of heap are enough for it; it would take a quarter of the machine's memory.
            # STREAMS_JVM and STREAMS_FLAGS try other settings.
            COMMAND=(java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=error ${STREAMS_JVM:-}
                -cp "$STREAMS/peer.jar:$STREAMS/lib/*" tidelog.bench.Peer "${common[@]}" ${STREAMS_FLAGS:-})
            ;;
        tidelog) COMMAND=("$BIN/kafka-tidelog" serve "${common[@]}" --partitions "$PARTITIONS") ;;
        *) echo "there is no contestant $1" >&2 && exit 2 ;;
    esac
}

run() { # NAME BYTES COMMIT_MS PATCHES RESULTS
    RUN=$((${RUN:-0} + 1))
    PREFIX=run$RUN-
    local place=(--brokers "$ADDRESS" --prefix "$PREFIX" --partitions "$PARTITIONS")
    command_of "$1" "$3"
    "$BIN/kafka-bench" topics create "${place[@]}"
    "$BIN/kafka-bench" preload "${place[@]}" --patches "$4" --entities "$ENTITIES" --bytes "$2"
    "$BIN/kafka-bench" measure "${place[@]}" --name "$1" --patches "$4" --bytes "$2" --commit-ms "$3" \
        --broker-pid "$(cat "$WORK/broker/pid")" --results "$5" --pid-file "$WORK/contestant" \
        -- "${COMMAND[@]}"
    "$BIN/kafka-bench" topics delete "${place[@]}"
    rm -rf "$WORK/state"
}

for name in "${CONTESTANTS[@]}"; do
    if [ "$name" = streams ] && [ ! -e "$STREAMS/peer.jar" ]; then
        (cd "$ROOT/bench/peers/kafka-streams" && mvn -B -q package)
    fi
done
mkdir -p "$(dirname "$RESULTS")"
ADDRESS=$("$ROOT/bench/scripts/broker.sh" start "$WORK/broker")
[ "$WARM" = 0 ] || run bare 200 100 "$WARM" /dev/null
for bytes in $SIZES; do
    for interval in $INTERVALS; do
        for _ in $(seq "$ROUNDS"); do
            for name in "${CONTESTANTS[@]}"; do
                run "$name" "$bytes" "$interval" "$PATCHES" "$RESULTS"
            done
        done
    done
done
"$BIN/kafka-bench" table "$RESULTS"
