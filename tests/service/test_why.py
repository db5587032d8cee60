"""What the control socket answers of the blocklist and of what was refused, asked of a server on real sockets."""

import os
import sqlite3

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from tests.service.test_reload import NOW, SETTINGS, Client, ReloadCase
from twistedmx.model.network_event import NetworkAllowed, NetworkNoLongerAllowed
from twistedmx.net.control import Refused
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.service.commands import commands
from twistedmx.smtp import codes

OPEN = "[blocklist]\nloopback = true\n"


class Asking(ReloadCase):
    def setUp(self):
        super().setUp()
        self.write("mx.toml", SETTINGS + OPEN)

    def listen_to(self, server):
        server.lasting.events.replace([self.told.append, server.lasting.trail])

    async def ask(self, server, command, **arguments):
        """As `twistedmx` does."""
        return await maybeDeferred(lambda: Deferred.fromCoroutine(_awaited(commands(server)[command](arguments))))

    async def refused(self, server, command, **arguments):
        """The words in which it is."""
        try:
            await self.ask(server, command, **arguments)
        except Refused as error:
            return str(error)
        raise AssertionError(f"{command} was not refused")

    async def hung_up(self, server):
        """A session that names too many recipients; its id."""
        client = await self.client(server)
        await client.ask("MAIL FROM:<a@example.net>")
        number, said = 0, ""
        while not said.startswith("421"):
            said = await client.ask(f"RCPT TO:<Guess{number}@example.org>")
            number += 1
        await client.gone
        await self.until(lambda: any(type(event).__name__ == "SessionEnded" for event in self.told))
        return self.told[-1].session


async def _awaited(answer):
    return await answer if hasattr(answer, "__await__") else answer


class TestWhy(Asking):
    async def test_a_session_is_found_by_its_id_in_any_case_of_its_letters(self):
        """The id in the refusal is what a postmaster quotes, in whatever case his software writes it."""
        server = self.start()
        id_ = await self.hung_up(server)
        for what in (id_, id_.lower(), f"{id_.lower()}.1", f" {id_} "):
            answer = await self.ask(server, "why", what=what)
            self.assertEqual((answer["kind"], answer["found"]), ("session", True))
            (session,) = answer["sessions"]
            self.assertEqual(
                (session["session"], session["peer"], session["ended"]), (id_, "127.0.0.1", "bad-recipients")
            )
            self.assertEqual(session["heard"], f"421 4.7.0 {ConductSettings().words('bad_recipients', id_)}")
            self.assertEqual(session["change"], "[conduct] bad_recipients")
            (refusal,) = session["refusals"]
            self.assertEqual((refusal["heard"], refusal["count"]), (str(codes.NO_SUCH_MAILBOX), 10))
        for what in ("0123456789", "01234567"):
            answer = await self.ask(server, "why", what=what)
            self.assertFalse(answer["found"])
            self.assertIn(f"grep -F {what} {os.path.join(self.folder, 'log')}", answer["look"])

    async def test_a_client_is_told_with_its_block_and_its_sessions(self):
        """The whole trail of it, and the command that undoes it."""
        server = self.start()
        await self.hung_up(server)
        (block,) = await self.ask(server, "ban", networks=["127.0.0.0/24"], seconds=3600, evidence="noon")
        for what in ("127.0.0.1", "127.0.0.0/24", "127.0.0.0/8", block["id"].lower()):
            answer = await self.ask(server, "why", what=what)
            (told,) = answer["blocks"]
            self.assertEqual((told["network"], told["undo"]), ("127.0.0.0/24", f"twistedmx unban {block['id']}"))
            self.assertIn(block["id"], told["heard"])
            self.assertEqual((len(answer["sessions"]), answer["hosts"][0]["host"]), (1, "127.0.0.1"))
            self.assertEqual(answer["hosts"][0]["reasons"], {"unknown-mailbox": 10, "bad-recipients": 1})
        self.assertFalse((await self.ask(server, "why", what="192.0.2.1"))["found"])
        words = await self.refused(server, "why", what="nonsense!")
        self.assertIn("nor an id that a peer was told, nor a recipient", words)

    async def test_an_open_session_that_is_blocked_is_told_with_the_words_that_it_heard(self):
        """They have the block's id."""
        server = self.start()
        client = await self.client(server)
        (block,) = await self.ask(server, "ban", networks=["127.0.0.1"])
        await client.gone
        await self.until(lambda: type(self.told[-1]).__name__ == "SessionEnded")
        answer = await self.ask(server, "why", what=self.told[-1].session)
        self.assertIn(block["id"], answer["sessions"][0]["heard"])
        self.assertEqual(answer["blocks"][0]["id"], block["id"])

    async def test_a_client_that_a_filter_names_is_told_with_what_it_heard_though_it_is_blocked_no_more(self):
        """The words of the door, or none; the block may be gone when somebody asks."""
        for answer, starts in (("554", "554 No SMTP"), ("none", "")):
            spoken_for = f'answer = "{answer}"\n[balancer]\nxclient_from = ["127.0.0.0/8"]\n'
            self.write("mx.toml", SETTINGS + OPEN + spoken_for)
            server = self.start()
            (block,) = await self.ask(server, "ban", networks=["198.51.100.9"])
            client = await self.client(server)
            client.transport.write(b"XCLIENT ADDR=198.51.100.9\r\n")
            await client.gone
            await self.until(lambda: type(self.told[-1]).__name__ == "SessionEnded")
            await self.ask(server, "unban", what=block["id"])
            ended = next(event for event in self.told if type(event).__name__ == "SessionEnded")
            (session,) = (await self.ask(server, "why", what=ended.session))["sessions"]
            self.assertEqual((session["peer"], session["ended"]), ("198.51.100.9", "blocked"))
            self.assertEqual(session["heard"], client.heard.decode().rstrip())
            self.assertEqual(session["heard"][:11], starts)
            self.assertEqual(block["id"] in session["heard"], bool(starts))
            await server.stopService()

    async def test_while_a_session_is_open_it_is_told_that_it_is(self):
        """Its transaction tells what was refused in it when it is over: who asks before is told to ask again."""
        server = self.start()
        client = await self.client(server)
        for words in ("MAIL FROM:<a@example.net>", "RCPT TO:<ann@example.org>"):
            await client.ask(words)
        heard = await client.ask("RCPT TO:<nobody@example.org>")
        id_ = heard.partition("(id ")[2].rstrip(")")
        answer = await self.ask(server, "why", what=id_.lower())
        self.assertEqual((answer["found"], answer["sessions"]), (True, []))
        self.assertEqual((answer["open"]["session"], answer["open"]["peer"]), (id_, "127.0.0.1"))
        self.assertTrue(NOW - 60 < answer["open"]["since"] <= NOW)
        await client.ask("RSET")
        answer = await self.ask(server, "why", what=id_)
        self.assertEqual(answer["sessions"][0]["refusals"][0]["recipients"], ["nobody@example.org"])
        client.transport.loseConnection()
        await client.gone
        await self.until(lambda: type(self.told[-1]).__name__ == "SessionEnded")
        self.assertIsNone((await self.ask(server, "why", what=id_))["open"])

    async def test_a_recipient_is_told_with_the_line_that_would_let_it_in(self):
        """Somebody's mail to it was refused: was it a slip of the sender's, or of ours?"""
        server = self.start()
        await self.hung_up(server)
        answer = await self.ask(server, "why", what="guess3@EXAMPLE.org")
        recipient, table = answer["recipient"], os.path.join(self.folder, "boxes")
        self.assertEqual(recipient["reply"], str(codes.NO_SUCH_MAILBOX))
        self.assertIn(f"write the line `guess3@EXAMPLE.org` into {table}", recipient["change"])
        (session,) = answer["sessions"]
        self.assertEqual([each["recipients"] for each in session["refusals"]], [["Guess3@example.org"]])
        answer = await self.ask(server, "why", what="ann@example.org")
        self.assertEqual((answer["recipient"]["verdict"], answer["sessions"], answer["found"]), ("accept", [], True))
        answer = await self.ask(server, "why", what="ann@elsewhere.example")
        self.assertIn("its domain is then one of ours", answer["recipient"]["change"])
        self.assertIn("is no address", await self.refused(server, "why", what="a@b@c"))


class TestBan(Asking):
    async def test_who_waits_to_be_turned_away_is_counted_in_the_status(self):
        """Each holds a descriptor: an operator who looks for them finds them there."""
        server = self.start()
        await self.ask(server, "ban", networks=["127.0.0.1"])
        port = server.ports[0].getHost().port
        blocked = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Client())
        await self.until(lambda: server.factory.door.turned_away and len(server.factory.door.doorstep))
        told = (await self.ask(server, "status"))["blocklist"]
        self.assertEqual((told["entries"], told["turned_away"], told["waiting"]), (1, 1, 1))
        blocked.transport.abortConnection()
        await blocked.gone
        await self.until(lambda: not len(server.factory.door.doorstep))
        self.assertEqual((await self.ask(server, "status"))["blocklist"]["waiting"], 0)

    async def test_it_is_all_or_nothing(self):
        """Three networks, and one of them is ours: the other two are not blocked, and the fault is told."""
        server = self.start()
        words = await self.refused(server, "ban", networks=["192.0.2.0/24", "10.0.0.0/7", "nonsense"])
        self.assertIn("'nonsense' is neither", words)
        words = await self.refused(server, "ban", networks=["192.0.2.0/24", "10.0.0.0/7"])
        self.assertIn("is wider than a /8", words)
        self.assertEqual((await self.ask(server, "list"))["blocks"], [])
        self.assertEqual(await self.ask(server, "ban", networks=["192.0.2.0/24"], check=True), [])
        self.assertEqual((await self.ask(server, "list"))["blocks"], [])
        for wrong in ({"networks": "192.0.2.1"}, {"networks": ["192.0.2.1"], "seconds": -1}, {"blocks": [7]}):
            await self.refused(server, "ban", **wrong)

    async def test_entries_of_another_server_keep_what_they_say(self):
        """Reason, evidence, expiry and id; whose they were before is said by the file's name."""
        server = self.start()
        entry = {
            "id": "BCDF0001",
            "network": "192.0.2.0/24",
            "reason": "spam",
            "evidence": "7 of 9",
            "origin": "operator",
        }
        entry |= {"since": NOW - 60, "expiry": NOW + 60, "relapse": 2}
        gone = {**entry, "id": "BCDF0002", "network": "198.51.100.0/24", "expiry": NOW - 1}
        (told,) = await self.ask(server, "ban", blocks=[entry, gone], source="other.json")
        self.assertEqual({name: told[name] for name in entry}, {**entry, "origin": "import other.json"})
        (told,) = await self.ask(server, "ban", blocks=[gone], source="x", seconds=7, reason="mine", evidence="e")
        self.assertEqual((told["expiry"], told["reason"], told["evidence"]), (NOW + 7, "mine", "e"))

    async def test_a_list_is_told_page_by_page(self):
        """And one that was evicted leaves the file as well."""
        self.write("mx.toml", SETTINGS + OPEN + "most = 6\n")
        server = self.start()
        networks = [f"192.0.2.{number}/32" for number in range(8)]
        for number, network in enumerate(networks):
            arguments = {"networks": [network], "source": "x", "seconds": 3600 * (number + 1)}
            await self.ask(server, "ban", **arguments)
        told, after = [], None
        while True:
            page = await self.ask(server, "list", after=after, most=4)
            self.assertLessEqual(len(page["blocks"]), 4)
            told += [block["network"] for block in page["blocks"]]
            after = page["next"]
            if after is None:
                break
        self.assertEqual(told, networks[2:])
        within = await self.ask(server, "list", network="192.0.2.4/31")
        self.assertEqual([block["network"] for block in within["blocks"]], networks[4:6])
        await server.stopService()
        with sqlite3.connect(os.path.join(self.folder, "data", "store.sqlite")) as file:
            kept = sorted(network for (network,) in file.execute("SELECT network FROM blocks"))
        file.close()
        self.assertEqual(kept, networks[2:])


class TestAllow(Asking):
    async def test_who_is_allowed_is_let_in_at_once_and_after_a_restart(self):
        """The never-block list wins always, and the operator's word outlives the process."""
        server = self.start()
        (block,) = await self.ask(server, "ban", networks=["127.0.0.0/24"])
        (host,) = await self.ask(server, "ban", networks=["127.0.0.1"])
        (told,) = await self.ask(server, "allow", networks=["127.0.0.1"], evidence="our own")
        self.assertEqual([each["id"] for each in told["within"]], [host["id"]])
        self.assertEqual([each["id"] for each in told["around"]], [block["id"]])
        self.assertEqual((told["within"][0]["spared"], told["around"][0]["spared"]), ("operator", ""))
        self.assertIsInstance(self.told[-1], NetworkAllowed)
        client = await self.client(server)
        await client.ask("QUIT")
        await server.stopService()
        server = self.start()
        client = await self.client(server)
        answer = await self.ask(server, "why", what="127.0.0.1")
        (never,) = answer["never"]
        self.assertEqual((never["source"], never["evidence"]), ("operator", "our own"))
        self.assertEqual(never["undo"], "twistedmx allow --remove 127.0.0.1/32")
        listed = await self.ask(server, "list", allowed=True)
        self.assertIn(("127.0.0.1/32", "operator"), [(each["network"], each["source"]) for each in listed["allowed"]])
        self.assertIn("never blocked (operator)", await self.refused(server, "ban", networks=["127.0.0.1"]))
        self.assertIn("127.0.0.1/32", (await self.ask(server, "list"))["never"])
        await self.ask(server, "allow", networks=["127.0.0.1"], remove=True)
        self.assertIsInstance(self.told[-2], NetworkNoLongerAllowed)
        await client.gone  # the block holds again
        self.assertEqual((await self.ask(server, "why", what="127.0.0.1"))["never"], [])

    async def test_what_is_too_wide_or_was_not_allowed_is_refused_whole(self):
        """Nothing of it is done."""
        server = self.start()
        words = await self.refused(server, "allow", networks=["192.0.2.0/24", "10.0.0.0/7"])
        self.assertIn("wider than a /8", words)
        await self.ask(server, "allow", networks=["192.0.2.0/24"])
        words = await self.refused(server, "allow", networks=["192.0.2.0/24", "198.51.100.1"], remove=True)
        self.assertIn("198.51.100.1/32 was not allowed with `twistedmx allow`", words)
        self.assertEqual(len(server.lasting.blocking.allowing.allowed), 1)
        await self.ask(server, "allow", networks=["10.0.0.0/7"], force=True)
        self.assertEqual(len(server.lasting.blocking.allowing.allowed), 2)

    async def test_a_file_that_was_removed_is_written_anew(self):
        """A tidy colleague must not shut out a partner at the next start."""
        server = self.start()
        await self.ask(server, "allow", networks=["192.0.2.0/24"])
        await self.until(lambda: not server.lasting.blocking.store.waiting)
        os.remove(os.path.join(self.folder, "data", "store.sqlite"))
        await self.ask(server, "allow", networks=["198.51.100.0/24"])
        await self.until(lambda: not server.lasting.blocking.store.waiting)
        await server.stopService()
        server = self.start()
        self.assertEqual(len(server.lasting.blocking.allowing.allowed), 2)

    async def test_what_is_too_many_after_a_restart_is_told(self):
        """The setting was lowered; the rest is there, and stays in the file."""
        server = self.start()
        await self.ask(server, "allow", networks=["192.0.2.0/24", "198.51.100.0/24"])
        await server.stopService()
        self.write("mx.toml", SETTINGS + OPEN + "most_allowed = 1\n")
        warnings = []
        globalLogPublisher.addObserver(warnings.append)
        self.addCleanup(globalLogPublisher.removeObserver, warnings.append)
        server = self.start()
        self.assertEqual(len(server.lasting.blocking.allowing.allowed), 1)
        words = [formatEvent(each) for each in warnings if each["log_level"] is LogLevel.warn]
        self.assertTrue(any("a network that was allowed is left out: as many" in each for each in words), words)

    async def test_a_time_is_over_by_itself(self):
        """It is told, and nothing of it stays on disk."""
        server = self.start()
        blocking, clock = server.lasting.blocking, Clock()
        clock.advance(NOW)
        blocking.allowing.allowed._now = clock.seconds
        await self.ask(server, "allow", networks=["192.0.2.0/24"], seconds=60)
        clock.advance(60)
        blocking.allowing.sweep()
        self.assertTrue(self.told[-1].expired)
        await server.stopService()
        with sqlite3.connect(os.path.join(self.folder, "data", "store.sqlite")) as file:
            self.assertEqual(list(file.execute("SELECT * FROM allowed")), [])
        file.close()
