#!/usr/bin/env python3
"""Two clients that others wrote read a zone's feed while the node is killed three times (kill -9).

    python3 -m venv /tmp/sse && /tmp/sse/bin/pip install httpx-sse httpx
    npm install --prefix /tmp/sse eventsource
    cargo build && python3 services/node/tests/sse/run.py target/debug/tidelog /tmp/sse

Neither may miss a change or see one twice. Succeeds if so.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CHANGES = 300
KILLS = (75, 150, 225)
LISTEN = "127.0.0.1:7998"
URL = f"http://{LISTEN}/v1"


def put(path: str, body: bytes) -> None:
    request = urllib.request.Request(URL + path, body, {"content-type": "application/json"}, method="PUT")
    urllib.request.urlopen(request).read()


def start(binary: str, data: str) -> subprocess.Popen:
    command = [binary, "serve", "--listen", LISTEN, "--data", f"{data}/node", "--log", "error"]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in node.stdout:
        if "ready at" in line:
            return node
    sys.exit("the node does not start")


def main(binary: str, packages: str) -> int:
    here = Path(__file__).parent
    feed = f"{URL}/zones/shop/orders/eu/changes"
    with tempfile.TemporaryDirectory() as data:
        node = start(binary, data)
        put("/databases/shop", b"")
        # Where npm has put its package is where Node looks for it.
        script = shutil.copy(here / "eventsource.mjs", packages)
        readers = [
            subprocess.Popen(["node", script, feed, str(CHANGES)]),
            subprocess.Popen([f"{packages}/bin/python", here / "httpx_sse_reader.py", feed, str(CHANGES)]),
        ]
        time.sleep(1)
        for number in range(CHANGES):
            if number in KILLS:
                node.kill()
                node.wait()
                node = start(binary, data)
            put(f"/entities/shop/orders/eu/{number}", b"1")
        codes = [reader.wait(timeout=60) for reader in readers]
        node.kill()
        node.wait()
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
