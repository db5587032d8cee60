"""Dialogues of tests/qmail/dialogues with the server as it runs on a host: with port 25 its own, and under tcpserver.

One server has both, and plays all dialogues that have its settings; control files and rules are written anew between them.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

from tests.integration.dialogue_case import Conversation, Kind, dialogues_of, edits_of, rules_of, should_hear
from tests.integration.program import LISTENS, LOOPBACK
from tests.integration.qmail_case import NO_MX, USER, QmailCase, needed
from tests.qmail.hand_over import PROGRAM
from tests.qmail.scene import Scene
from twistedmx.net.tls import make_demo_certificate
from twistedmx.testing.qmail_tree import remake

# Dialogues have the limits of calm, and the machine of whoever runs the tests may be busy.
CALM = "[load]\nhigh = 0\nlag_high = 0\nmemory_high = 0\nthrottled_high = 0\n"


class TestDialogues(QmailCase):
    """Each is heard as its file says, both ways."""

    def setUp(self) -> None:
        needed("tcpserver", "tcprules")
        super().setUp()
        self.users_of_the_system()
        self.queue("message envelope")
        self.controls = {path.name: path.read_text(encoding="ascii") for path in self.path("control").iterdir()}
        self.rules = self.folder / "tcp.smtp.cdb"
        self.socket = self.folder / "smtpd.sock"
        self.certificate = self.folder / "certificate.pem"
        make_demo_certificate(str(self.certificate), "host.example", 1_700_000_000.0)

    def users_of_the_system(self) -> None:
        """carol, dave and alias, who gets what nobody else does, stand in users/assign: this machine does not know them."""
        self.users("carol", "dave")
        assign = self.path("users", "assign")
        lines = assign.read_text(encoding="ascii").removesuffix(".\n")
        alias = f"+:alias:{self.uid}:{self.gid}:{self.tree.home('alias')}:-::\n"
        assign.write_text(f"{lines}{alias}.\n", encoding="ascii")
        remake(self.tree)

    # -- the host ----------------------------------------------------------------------------------------------------

    def serve(self, kind: Kind) -> Mapping[str, int]:
        """Both ways at once; the port of each."""
        place = f'socket = "{self.socket}"\nrules = "{self.rules}"\n'
        more = f'host = "mx.example.org"\nlisten = ["{LOOPBACK}"]\n'
        server = self.launch(*self.configured(f"{more}[qmail]\n{kind.settings}{place}{CALM}"))
        ports = server.ports_of(LISTENS)
        return {"in place of tcpserver": ports[0], "under tcpserver": self.tcpserver()}

    def tcpserver(self) -> int:
        user = ["-u", str(USER), "-g", str(USER)] if os.geteuid() == 0 else []
        words = ["tcpserver", "-1", "-RHl0", "-x", str(self.rules), *user, "127.0.0.1", "0", PROGRAM]
        environment = {"PATH": os.environ["PATH"], "TWISTEDMX_SOCKET": str(self.socket), **NO_MX}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.communicate, timeout=60)
        self.addCleanup(process.terminate)
        assert process.stdout is not None
        return int(process.stdout.readline())

    def set_up(self, scene: Scene) -> None:
        """The host is as the head of a dialogue has it, from the next connection on."""
        folder = self.path("control")
        for path in folder.iterdir():
            if path.name not in self.controls:
                path.unlink()
        for name, text in {**self.controls, **scene.control}.items():
            self.edit(name, None if text is False else str(text))
        if scene.certificate:
            self.owned(Path(shutil.copy(self.certificate, folder / "servercert.pem")))
        made = subprocess.run(
            ["tcprules", self.rules, f"{self.rules}.tmp"], input=rules_of(scene), timeout=30, capture_output=True
        )
        self.assertEqual(made.returncode, 0, made.stderr)

    def edit(self, name: str, text: str | None) -> None:
        if text is None:
            self.path("control", name).unlink(missing_ok=True)
        else:
            self.control(name, text)

    def act(self, words: str) -> None:
        self.edit(*edits_of(words))

    # -- the dialogues -----------------------------------------------------------------------------------------------

    def all_of(self, kind: Kind, at_least: int) -> None:
        """They are heard as they should. `at_least`: so many there are."""
        found = dialogues_of(kind)
        self.assertGreaterEqual(len(found), at_least)
        self.set_up(found[0][1])
        ports = self.serve(kind)
        wrong = []
        for number, (dialogue, scene) in enumerate(found, 1):
            for way, port in ports.items():
                self.set_up(scene)
                # Each from a host of its own: one that has behaved badly waits for its next session.
                address = f"127.{100 + port % 100}.{number}.1"
                heard, should = Conversation(dialogue, port, address).play(self.act), should_hear(dialogue)
                if heard != should:
                    wrong.append(
                        f"{dialogue.name}, {way}:\n" + "\n".join(unified_diff(should, heard, n=1, lineterm=""))
                    )
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_notqmail(self) -> None:
        """qmail-smtpd as notqmail has it."""
        self.all_of(Kind(dialect="qmail", tree="notqmail"), 20)

    def test_sagredo(self) -> None:
        """With the patches."""
        self.all_of(Kind(dialect="qmail", tree="sagredo"), 30)

    def test_twistedmx(self) -> None:
        """In our own dialect, with what the patches refuse."""
        self.all_of(Kind(dialect="twistedmx", tree="sagredo"), 2)
