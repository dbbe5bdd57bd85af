#!/usr/bin/env bash
# Tidelog beside the bare program, in turn, on the same machine and disk: rates, latencies, memory.
# BIN: where the release programs are. SECONDS_EACH: length of each run. ROUNDS: how often.
set -euo pipefail
BIN=${BIN:-target/release}
SECONDS_EACH=${SECONDS_EACH:-8}
ROUNDS=${ROUNDS:-3}
DATA=$(mktemp -d "${TMPDIR:-/tmp}/tidelog-compare.XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$DATA"' EXIT

load() { # KIND PORT FLAGS...
    local kind=$1 port=$2
    shift 2
    "$BIN/load" "$kind" --url "http://127.0.0.1:$port" --seconds "$SECONDS_EACH" "$@" 2>/dev/null | sed -n 1,3p
}

measure() { # NAME PORT
    echo "$1, creates, 64 connections:" && load creates "$2" --connections 64
    echo "$1, reads, 64 connections:" && load reads "$2" --connections 64 --entities 50000
    echo "$1, creates, one at a time:" && load creates "$2" --connections 1
}

await() { # PORT PATH
    until curl -sf "http://127.0.0.1:$1$2" >/dev/null; do sleep 0.1; done
}

for round in $(seq "$ROUNDS"); do
    echo "== round $round"
    "$BIN/bare" --fresh --data "$DATA/bare" --listen 127.0.0.1:7601 >/dev/null 2>&1 &
    await 7601 /stats
    measure bare 7601
    kill %% && wait %% 2>/dev/null || true
    rm -rf "$DATA/tidelog"
    "$BIN/tidelog" serve --data "$DATA/tidelog" --listen 127.0.0.1:7602 >/dev/null 2>&1 &
    await 7602 /readyz
    measure tidelog 7602
    grep VmRSS "/proc/$!/status"
    kill %% && wait %% 2>/dev/null || true
    echo "tidelog in process, 1,000 in flight:"
    "$BIN/inprocess" --data "$DATA/inprocess" --seconds "$SECONDS_EACH"
    "$BIN/limits" --parts ac 2>&1 | grep -E "patch of one|append  4 KiB"
done
