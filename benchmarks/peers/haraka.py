"""Haraka, of npm, put in place by benchmarks.peers.install."""

import json
import shutil
from collections.abc import Sequence

from benchmarks.peers.peer import DOMAIN, HOST, Peer, Place, local_parts

_MAILBOXES = """\
'use strict';
const fs = require('fs');
const known = new Set();
exports.register = function () {
    for (const line of fs.readFileSync(process.env.HARAKA + '/config/mailboxes', 'utf8').split('\\n'))
        if (line) known.add(line);
};
exports.hook_lookup_rdns = (next) => next(OK, 'client.example.net');
exports.hook_rcpt = (next, connection, params) => {
    if (!known.has(params[0].user + '@' + params[0].host)) return next(DENY, 'no such mailbox');
    connection.relaying = true;  // into its outbound queue, which is the one that syncs
    next(OK);
};
"""


# A file of ours takes the place of the whole of its own.
_CONNECTION = """\
[main]
[haproxy]
[headers]
[max]
bytes=67108864
line_length=512
data_line_length=992
mime_parts=1000
[message]
[uuid]
"""


class Haraka(Peer):
    name = "haraka"
    title = "Haraka"
    promise = "file of its outbound queue synced"
    recipients = "Set in a plugin"
    differs = "one process; no other plugin; the peer's name is given by the plugin; log to a file at INFO; outbound delivery off"

    def _program(self) -> str:
        return f"{self.programs}/haraka/node_modules/Haraka"

    def why_not(self) -> str:
        if not shutil.which("node"):
            return "node is not installed: apt-get install nodejs"
        if self.programs is None or not (self.programs / "haraka/node_modules/Haraka/haraka.js").exists():
            return "Haraka is not here: python -m benchmarks.peers.install --only haraka"
        return ""

    def version(self) -> str:
        with open(f"{self._program()}/package.json", encoding="utf-8") as file:
            version: str = json.load(file)["version"]
        return version

    def command(self, place: Place) -> Sequence[str]:
        place.write("plugins/benchmark.js", _MAILBOXES)
        place.write("config/mailboxes", "".join(f"{local}@{DOMAIN}\n" for local in local_parts()))
        place.write("config/plugins", "benchmark\ntls\n")
        place.write("config/host_list", f"{DOMAIN}\n")
        place.write("config/me", f"{HOST}\n")
        place.write("config/smtp.ini", f"listen=127.0.0.1:{place.port}\nnodes=0\n")
        place.write("config/connection.ini", _CONNECTION)
        place.write("config/databytes", "67108864\n")
        place.write("config/loglevel", "INFO\n")
        place.write("config/outbound.ini", "disabled=true\n")
        place.write("config/tls.ini", f"key={place.key}\ncert={place.certificate}\n")
        place.write("config/internalcmd_key", "")
        (place.folder / "queue").mkdir()
        return ["node", f"{self._program()}/bin/haraka", "-c", str(place.folder)]
