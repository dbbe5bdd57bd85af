#!/usr/bin/env bash
# Apache Kafka 4.3.1 as one KRaft node on a free port, for measurements.
#   broker.sh fetch           the jars, by Maven, into target/bench-kafka/broker (once)
#   broker.sh start FOLDER    in a new folder; writes FOLDER/pid and FOLDER/address, and prints the latter
#   broker.sh stop FOLDER     and waits until it is gone
# It needs a JDK 17 or later, and Maven.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HOME_OF_JARS=$ROOT/target/bench-kafka/broker
CLUSTER=AAAAAAAAQACAAAAAAAAAAQ

fetch() {
    [ -e "$HOME_OF_JARS/fetched" ] && return
    mkdir -p "$HOME_OF_JARS"
    cp "$ROOT/bench/kafka/broker/pom.xml" "$HOME_OF_JARS/"
    (cd "$HOME_OF_JARS" && mvn -B -q \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory=lib -DincludeScope=runtime >&2)
    touch "$HOME_OF_JARS/fetched"
}

start() {
    local folder=$1 port java
    port=$(free_port)
    mkdir -p "$folder/data"
    cp "$ROOT/bench/kafka/broker/server.properties" "$folder/"
    cat >>"$folder/server.properties" <<EOF
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:0
log.dirs=$folder/data
EOF
    java -XX:TieredStopAtLevel=1 -cp "$HOME_OF_JARS/lib/*" kafka.tools.StorageTool \
        format --standalone -t "$CLUSTER" -c "$folder/server.properties" >"$folder/format.log" 2>&1
    # The heap and the collector of Kafka's own start script.
    java -Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
        -cp "$HOME_OF_JARS/lib/*" kafka.Kafka "$folder/server.properties" \
        >"$folder/broker.log" 2>&1 </dev/null &
    java=$!
    echo "$java" >"$folder/pid"
    echo "127.0.0.1:$port" >"$folder/address"
    for _ in $(seq 300); do
        kill -0 "$java" 2>/dev/null || { cat "$folder/broker.log" >&2; exit 1; }
        # It listens once it has joined.
        [ -z "$(ss -Htln "sport = $port")" ] || { cat "$folder/address"; return; }
        sleep 0.1
    done
    echo "the broker does not listen after 30 s: see $folder/broker.log" >&2
    kill -9 "$java"
    exit 1
}

# A port below those that the kernel gives to clients.
free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        [ -n "$(ss -Htan "sport = $port")" ] || break
    done
    echo "$port"
}

stop() {
    local folder=$1 java
    java=$(cat "$folder/pid" 2>/dev/null) || return 0
    kill -9 "$java" 2>/dev/null || true
    while kill -0 "$java" 2>/dev/null; do sleep 0.05; done
    rm -f "$folder/pid"
}

case "${1:-}" in
    fetch) fetch ;;
    start) fetch && start "${2:?which folder?}" ;;
    stop) stop "${2:?which folder?}" ;;
    *) sed -n '2,6s/^# //p' "$0" >&2 && exit 2 ;;
esac
