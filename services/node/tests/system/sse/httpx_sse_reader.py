"""Reads a zone's feed with the PyPI package `httpx-sse` until it has so many changes."""

import json
import sys
import time

import httpx
from httpx_sse import connect_sse

url, count = sys.argv[1], int(sys.argv[2])
seen, last = [], None
while len(seen) < count:
    try:
        headers = {"last-event-id": last} if last else {}
        with httpx.Client(timeout=60) as client, connect_sse(client, "GET", url, headers=headers) as source:
            for event in source.iter_sse():
                last = event.id or last
                if event.event == "change":
                    seen.append(json.loads(event.data)["sequence"])
                elif event.event in ("gap", "reset"):
                    sys.exit(f"httpx-sse: {event.event} {event.data}")
                if len(seen) == count:
                    break
    except httpx.TransportError:
        # The node is down: it is tried again, from where the last event was.
        time.sleep(0.2)
is_whole = seen == list(range(1, count + 1))
print("httpx-sse:", "each once, in order" if is_whole else seen)
sys.exit(0 if is_whole else 1)
