"""Stands in for the web service that knows your users: says what twistedmx asks of it and what it takes for an answer.

    python3 directory.py [PORT]     # 127.0.0.1:8025

It has no state of its own; yours asks a database. All words that an answer may have: docs/backends-remote.md.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USERS = {
    "ann@example.org": {"state": "active"},
    "bob@example.net": {"state": "active", "maildir": "/srv/vmail/staff/bob"},
    "info@example.org": {"state": "active", "alias": ["ann@example.org", "bob@example.net"]},
    "full@example.org": {"state": "over-quota"},
    "gone@example.net": {"state": "active", "reject": "550 5.1.6 Write to bob@example.net instead"},
}


class Directory(BaseHTTPRequestHandler):
    """GET /mailbox?address=ann%40example.org"""

    protocol_version = "HTTP/1.1"  # connections are kept

    def do_GET(self):
        asked = urlsplit(self.path)
        (address,) = parse_qs(asked.query).get("address", [""])
        user = USERS.get(address.lower()) if asked.path == "/mailbox" else None
        body = json.dumps(user or {"state": "unknown"}).encode()
        self.send_response(200 if user else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8025), Directory)
    print(f"serves on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
