"""Mail to a qmail host arrives: by the queue's program, and by our own delivery, from smtplib and from swaks."""

import os
import re
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.program import ORDERLY
from tests.integration.qmail_case import QmailCase, needed
from tests.integration.test_life import system_user

RECEIVED = (
    rb"Received: from unknown \(HELO client\.example\) \(127\.0\.0\.1\)\n  by 127\.0\.0\.1 with SMTP; [^\n]+ -0000\n"
)


class TestByTheQueue(QmailCase):
    """bin/qmail-queue is there, and has each message."""

    def test_the_program_gets_message_and_envelope(self) -> None:
        """As qmail-smtpd gives them, and 250 says what it was called."""
        found = self.queue()
        self.users("carol")
        server = self.start()
        client = self.client()
        said = client.transaction("ann@example.org", "carol@host.example")
        client.quit()
        number = re.fullmatch(r"250 .*\b(\d+)", said)
        assert number is not None, said
        envelope = Path(found, f"{number[1]}.envelope").read_bytes()
        self.assertEqual(envelope, b"Fme@client.example\0Tann@example.org\0Tcarol@host.example\0\0")
        self.assertRegex(
            Path(found, f"{number[1]}.message").read_bytes(), b"^" + RECEIVED + rb"Subject: hello\n\nHello\n$"
        )
        self.assertEqual(server.stop()[0], ORDERLY)

    def test_what_it_refuses_is_refused(self) -> None:
        """Its status and words are the reply."""
        self.queue("message envelope exit:31")
        self.start()
        self.assertEqual(self.client().transaction("ann@example.org")[:3], "554")

    def test_swaks(self) -> None:
        """Another client, which talks as scripts do."""
        needed("swaks")
        found = self.queue()
        self.start()
        done = subprocess.run(
            [
                *("swaks", "--server", "127.0.0.1", "--port", str(self.port), "--helo", "client.example"),
                *("--from", "me@client.example", "--to", "ann@example.org,bob@example.org", "--body", "Hello"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (envelope,) = (path.read_bytes() for path in found.glob("*.envelope"))
        self.assertEqual(envelope, b"Fme@client.example\0Tann@example.org\0Tbob@example.org\0\0")


class TestOurOwnDelivery(QmailCase):
    """There is no qmail-queue, and mail for local users is delivered by users/assign and .qmail files."""

    def setUp(self) -> None:
        super().setUp()
        self.users("carol", "dave")

    def carols(self, *names: str) -> bytes:
        """A file in her home."""
        return Path(self.tree.home("carol", *names)).read_bytes()

    def test_mailboxes_of_vpopmail(self) -> None:
        """vdelivermail has the message, with our fields above it; and what it refuses the sender hears."""
        self.start(CHKUSER_START="NONE")
        client = self.client()
        self.assertEqual(client.transaction("ann@example.org")[:3], "250")
        (message,) = self.mail_of("ann")
        self.assertRegex(
            message,
            rb"^Return-Path: <me@client\.example>\nDelivered-To: example\.org-ann@example\.org\n"
            + RECEIVED
            + rb"Subject: hello\n\nHello\n$",
        )
        # By an alias domain the same mailbox, and a name in the case in which it was written.
        self.assertEqual(client.transaction("BOB@alias.example")[:3], "250")
        self.assertIn(b"Delivered-To: alias.example-BOB@alias.example\n", self.mail_of("bob")[0])
        # Nobody: with chkuser switched off it is vdelivermail that says so, behind the content.
        self.assertRegex(
            client.transaction("nobody@example.org"), r"^554 5\.1\.1 .*Sorry, no mailbox here by that name"
        )
        self.assertRegex(client.transaction("full@example.org"), r"^554 .*user is over quota")
        self.assertRegex(client.transaction("locked@example.org"), r"^554 .*account is locked")
        self.assertEqual(client.transaction("whoever@example.com")[:3], "250")  # thrown away there
        # A larger message than what is left of bob's quota.
        self.assertRegex(client.transaction("bob@example.org", content="x" * 900), r"^554 .*user is over quota")
        self.assertEqual([len(self.mail_of(user)) for user in ("ann", "bob", "full", "locked")], [1, 1, 0, 0])

    def test_dot_qmail_files(self) -> None:
        """Maildir, mbox, program, its exit codes, and addresses with an extension."""
        self.dot_qmail("./Maildir/\n", "carol")
        self.dot_qmail("./mbox\n", "carol", ".qmail-box")
        self.dot_qmail(
            '|cat > got; printf "%s\\n" "$SENDER $RECIPIENT $EXT $DEFAULT $HOST" >> got\n', "carol", ".qmail-run"
        )
        self.dot_qmail("|echo not now; exit 111\n", "carol", ".qmail-later")
        self.dot_qmail("|echo never; exit 100\n", "carol", ".qmail-never")
        self.dot_qmail("./Maildir/\n", "carol", ".qmail-lists-default")
        self.start()
        client = self.client()
        for user in ("carol", "carol-box", "carol-run", "carol-lists-a.b"):
            said = client.transaction(f"{user}@host.example")
            self.assertEqual(said[:3], "250", (user, said))
        for user, said in {
            "later": "^451 4.3.0 The message cannot be delivered now",
            "never": "^554 .*never",
            "nothing": r"^55[04] .*no mailbox here",
        }.items():
            self.assertRegex(client.transaction(f"carol-{user}@host.example"), said)
        delivered = sorted(path.read_bytes() for path in Path(self.tree.home("carol", "Maildir", "new")).iterdir())
        self.assertEqual(len(delivered), 2)
        self.assertIn(b"Delivered-To: carol-lists-a.b@host.example\n", delivered[0])
        self.assertIn(b"Delivered-To: carol@host.example\n", delivered[1])
        self.assertRegex(
            self.carols("mbox"),
            rb"^From me@client\.example \w{3} [^\n]+\nReturn-Path: <me@client\.example>\nDelivered-To: carol-box@host\.example\n",
        )
        self.assertTrue(
            self.carols("got").endswith(b"Hello\nme@client.example carol-run@host.example run  host.example\n"),
            self.carols("got"),
        )

    def test_forwards_go_through_the_queue(self) -> None:
        """With the message, under Delivered-To, and its sender."""
        found = self.queue()
        self.dot_qmail("&her@elsewhere.example\ndave\n", "carol")
        self.start(*self.configured(f'listen = ["tcp:0"]\n[qmail]\nhome = "{self.tree.root}"\ndelivery = "own"\n'))
        self.assertEqual(self.client().transaction("carol@host.example")[:3], "250")
        (envelope,) = (path.read_bytes() for path in found.glob("*.envelope"))
        self.assertEqual(envelope, b"Fme@client.example\0Ther@elsewhere.example\0Tdave\0\0")
        (message,) = (path.read_bytes() for path in found.glob("*.message"))
        self.assertTrue(message.startswith(b"Delivered-To: carol@host.example\nReceived: from "), message)

    def test_a_list_of_ezmlm(self) -> None:
        """ezmlm-send has what is for the list, ezmlm-manage what is for its addresses with an extension."""
        program = self.program(
            '#!/bin/sh\ncat > /dev/null; echo "${0##*/} $1 $DEFAULT" >> "$1/ran"\n', "bin", "ezmlm-send"
        )
        self.program(program.read_text(encoding="ascii"), "bin", "ezmlm-manage")
        for name in ("news", "news-default"):
            file = Path(self.tree.domain("example.org", f".qmail-{name}"))
            file.write_text(file.read_text(encoding="ascii").replace("/usr/local/bin/ezmlm", f"{self.tree.root}/bin"))
        self.start()
        client = self.client()
        for user in ("news", "news-subscribe"):
            said = client.transaction(f"{user}@example.org")
            self.assertEqual(said[:3], "250", said)
        ran = Path(self.tree.domain("example.org", "news", "ran")).read_text(encoding="ascii")
        self.assertEqual(ran, "ezmlm-send news \newzmlm-manage news subscribe\n".replace("ewzmlm", "ezmlm"))

    def test_a_user_of_the_system(self) -> None:
        """Who is in no users/assign, and has no .qmail: his mail is in the mbox of control/defaultdelivery, and his."""
        if os.geteuid() != 0:
            raise SkipTest("only root can deliver to others")
        entry = system_user(self, "mxdora")  # type: ignore[arg-type]  # it has a folder, and cleans up
        self.control("defaultdelivery", "./Mailbox\n")
        self.below_roots_own()
        self.start(*self.configured(f'user = "nobody"\n[qmail]\nhome = "{self.tree.root}"\n'), before=())
        self.assertEqual(self.client().transaction("mxdora@host.example")[:3], "250")
        self.assertRegex(self.client().transaction("mxdora-x@host.example"), "^[45]5[01] ")
        mbox = Path(entry.pw_dir, "Mailbox")
        self.assertTrue(mbox.read_bytes().startswith(b"From me@client.example "))
        self.assertEqual((mbox.stat().st_uid, mbox.stat().st_mode & 0o777), (entry.pw_uid, 0o600))

    def test_wrong_rights_are_said_to_be_for_now(self) -> None:
        """Somebody else could have written it; or the mailbox is another's. The sender tries again, when that is mended."""
        self.dot_qmail("./Maildir/\n", "carol", mode=0o666)
        self.dot_qmail("./Maildir/\n", "dave")
        Path(self.tree.home("dave")).chmod(0o777)
        if os.geteuid() == 0:
            os.chown(self.tree.domain("example.org", "ann", "Maildir", "tmp"), self.uid + 1, -1)
            os.chmod(self.tree.domain("example.org", "ann", "Maildir", "tmp"), 0o700)
        else:
            os.chmod(self.tree.domain("example.org", "ann", "Maildir", "tmp"), 0o500)
        self.start()
        client = self.client()
        for address in ("carol@host.example", "dave@host.example", "ann@example.org"):
            said = client.transaction(address)
            self.assertEqual(said[:3], "451", (address, said))
        Path(self.tree.home("carol", ".qmail")).chmod(0o600)
        self.assertEqual(client.transaction("carol@host.example")[:3], "250")
