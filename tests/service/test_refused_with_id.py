"""Wherever something is refused, `twistedmx why` knows the id that the peer reads in our words."""

import os
import re

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from tests.service.test_reload import SETTINGS, Client
from tests.service.test_why import OPEN, Asking
from twistedmx.testing.dialogue import SCRIPTED

_id = re.compile(r" \(id ([0-9A-Z]{10})\)\Z")
POLICY = f'[[policies]]\nname = "{SCRIPTED.name}"\nreply = "550 5.7.1 Not you"\nstages = ["%s"]\n'
ROOM = f"[limits]\nsize = {1 << 60}\n"
EHLO, MAIL, ANN, BOB = "EHLO a", "MAIL FROM:<a@example.net>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>"
NOBODY = "RCPT TO:<nobody@example.org>"


class TestWhereverItWas(Asking):
    def setUp(self):
        super().setUp()
        self.write("boxes", "ann@example.org\nbob@example.org\n")

    async def hear(self, settings, *commands):
        """The server, and the last words of a session that says `commands`, while it is open."""
        self.write("mx.toml", SETTINGS + OPEN + settings)
        server = self.start()
        where = TCP4ClientEndpoint(reactor, "127.0.0.1", server.ports[0].getHost().port)
        client = await connectProtocol(where, Client())
        self.addCleanup(lambda: client.gone)
        self.addCleanup(client.transport.loseConnection)
        heard = await client.line()
        for command in commands:
            heard = await client.ask(command)
        return server, client, heard

    async def assert_known(self, stage, settings, *commands):
        """In `settings` the last of `commands` is refused, and that can be asked about."""
        server, client, heard = await self.hear(settings, *commands)
        found = _id.search(heard)
        self.assertIsNotNone(found, (stage, heard))
        if stage in ("recipient", "content"):
            client.transport.loseConnection()  # else it is told with its transaction, which is open
            await client.gone
            await self.until(lambda: type(self.told[-1]).__name__ == "SessionEnded")
        answer = await self.ask(server, "why", what=found[1])
        self.assertTrue(answer["found"], (stage, heard))
        (session,) = answer["sessions"]
        self.assertEqual(session["session"], found[1])
        # A policy's code at CONNECT is another: there are two answers before a greeting.
        refusals = [(each["what"], each["heard"][4:]) for each in session["refusals"]]
        self.assertIn((stage, heard[4 : found.start()]), refusals)

    async def test_by_a_policy_before_anything_is_said(self):
        """Its words are the first ones, and the last."""
        await self.assert_known("connect", POLICY % "connect")

    async def test_by_a_policy_at_helo(self):
        """There is no transaction yet that could tell it."""
        await self.assert_known("helo", POLICY % "helo", EHLO)

    async def test_by_a_policy_at_mail(self):
        """Nor here."""
        await self.assert_known("mail", POLICY % "mail", EHLO, MAIL)

    async def test_by_a_policy_at_rcpt(self):
        """The transaction tells it."""
        await self.assert_known("recipient", POLICY % "rcpt", EHLO, MAIL, ANN)

    async def test_by_a_policy_that_speaks_for_the_recipient_step(self):
        """In its words."""
        await self.assert_known("recipient", POLICY % "refused", EHLO, MAIL, NOBODY)

    async def test_by_a_policy_at_data(self):
        """The transaction goes on, and ends otherwise."""
        await self.assert_known("data", POLICY % "data", EHLO, MAIL, ANN, "DATA")

    async def test_by_a_policy_at_the_message(self):
        """The transaction tells it."""
        await self.assert_known("content", POLICY % "message", EHLO, MAIL, ANN, "DATA", "x\r\n.")

    async def test_an_unknown_recipient(self):
        """The most frequent of all."""
        await self.assert_known("recipient", "", EHLO, MAIL, NOBODY)

    async def test_content(self):
        """A message with a bare LF."""
        await self.assert_known("content", "", EHLO, MAIL, ANN, "DATA", "x\ny\r\n.")

    async def test_a_message_that_says_it_is_too_large(self):
        """At MAIL, before there is a transaction."""
        await self.assert_known("mail", "", EHLO, f"{MAIL} SIZE={1 << 40}")

    async def test_a_message_that_there_is_no_room_for(self):
        """At MAIL, where one copy of it would be too much."""
        await self.assert_known("mail", ROOM, EHLO, f"{MAIL} SIZE={2 * self._free()}")

    async def test_a_message_that_there_is_no_room_for_in_so_many_copies(self):
        """At DATA, when it is known how many they are."""
        await self.assert_known("data", ROOM, EHLO, f"{MAIL} SIZE={self._free() * 6 // 10}", ANN, BOB, "DATA")

    def _free(self):
        """Octets, of the disk that the mail is on."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize
