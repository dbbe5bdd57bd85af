#!/bin/sh
# Runs one variant of the bare program: a fresh server, a load of creates, and what both report.
#
#   variant.sh NAME "FLAGS OF BARE" ["FLAGS OF LOAD"]
#
# Prints one line: name, rate, latency quantiles, groups, CPU, writes, memory, tables.
# REOPEN=1: kills the server (SIGKILL) and opens the data again, twice.
# BIN: where the programs are; DATA: the folder of the data; KEEP=1: leaves the data behind.
set -eu
bin=${BIN:-target/release}
data=${DATA:-/tmp/bare-variant}
name=$1
port=$((7100 + $$ % 800))
rm -rf "$data"
"$bin/bare" --data "$data" --listen "127.0.0.1:$port" $2 >"$data.log" 2>&1 &
server=$!
trap 'kill -9 $server 2>/dev/null || true' EXIT
tries=0
until curl -sf "http://127.0.0.1:$port/stats" >/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$data.log" >&2; exit 1; }
    sleep 0.1
done
busy() { awk '/^cpu /{print $2+$3+$4+$7+$8; exit}' /proc/stat; }
before=$(busy)
load=$("$bin/load" creates --json --url "http://127.0.0.1:$port" ${3:---seconds 10})
curl -sf "http://127.0.0.1:$port/stats" >"$data.stats"
kill -9 $server
wait $server 2>/dev/null || true
BUSY=$(($(busy) - before)) LOAD="$load" NAME="$name" python3 - "$data.stats" <<'P'
import json, os, sys
load = json.loads(os.environ["LOAD"])
s = json.load(open(sys.argv[1]))
l = load["latency_ms"]
other = int(os.environ["BUSY"]) / 100 - s["cpu_s"] - load["cpu_s"]
n = l["n"]
print(
    f"{os.environ['NAME']:26s} {load['rate']:6.0f}/s n {n:8d} err {load['errors']} others {other / load['seconds'] * 50:3.0f}%"
    f" | p50 {l['p50']:5.2f} p90 {l['p90']:6.2f} p99 {l['p99']:6.1f} p99.9 {l['p999']:6.1f} max {l['max']:6.0f}"
    f" | group {s['size']['mean']:4.1f} commit {s['commit']['mean']:.2f}/{s['commit']['p99']:.1f}"
    f" sync {s['sync']['mean']:.2f}/{s['sync']['p99']:.1f} slow {s['slow']}"
    f" | cpu {s['cpu_s'] / n * 1e6:4.0f} us/req wrote {s['written_mib'] * 1048576 / n:5.0f} B/req disk {s['disk_mib']} MiB"
    f" rss {s['rss_mib']} tables {sum(k['tables'] for k in s['keyspaces'])} journals {s['journals']} compacting {s['compacting_s']:.1f} s"
)
# The rate at the first 100,000 and around the first million of creates.
done, marks = 0, {}
for second, answers in enumerate(load["per_second"]):
    done += answers
    if 0.8e6 <= done <= 1.2e6:
        marks.setdefault("around 1M", []).append(answers)
    if done <= 1.3e5 and second > 0:
        marks.setdefault("at 100k", []).append(answers)
if "around 1M" in marks:
    print("    " + "  ".join(f"{k}: {sum(v) / len(v):.0f}/s" for k, v in sorted(marks.items())))
P
if [ -n "${REOPEN:-}" ]; then
    for again in 1 2; do
        "$bin/bare" --data "$data" --listen "127.0.0.1:$port" $2 >"$data.log" 2>&1 &
        server=$!
        until curl -sf "http://127.0.0.1:$port/stats" >"$data.stats"; do sleep 0.05; done
        sleep 2
        curl -sf "http://127.0.0.1:$port/stats" >"$data.stats"
        kill -9 $server
        wait $server 2>/dev/null || true
        python3 -c 'import json,sys; s=json.load(open(sys.argv[1])); print("    reopened in", s["open_ms"], "ms, rss", s["rss_mib"], "MiB, journals", s["journals"])' "$data.stats"
    done
fi
[ -n "${KEEP:-}" ] || rm -rf "$data"
