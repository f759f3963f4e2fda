"""TOKEN=... python watch.py ws://127.0.0.1:8000 alice@example.org team@example.org"""

import json
import os
import sys

from websockets.sync.client import connect

server, *people = sys.argv[1:]
headers = {"Authorization": f"Token {os.environ['TOKEN']}"}
with connect(f"{server}/ws/presence/", additional_headers=headers) as socket:
    socket.send(json.dumps({"type": "subscribe", "aors": people}))
    for text in socket:
        for one in json.loads(text).get("documents", []):
            print(one["aor"], one.get("label", "not to be seen"), one.get("note", ""), flush=True)
