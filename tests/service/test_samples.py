"""What was refused, asked of a server on real sockets: by its id, by its reason, and over a reload."""

from base64 import b64decode

from tests.service.test_reload import SETTINGS
from tests.service.test_why import Asking
from twistedmx.model.event import TransactionEnded

HOPS = "[limits]\nhops = 2\n"
MESSAGE = "Received: x\r\nReceived: y\r\nSubject: \x1b[2J\r\n\r\nHello"


class Sampling(Asking):
    def setUp(self):
        super().setUp()
        self.write("mx.toml", SETTINGS + HOPS)

    def listen_to(self, server):
        server.lasting.events.replace([self.told.append, server.lasting.trail, server.lasting.samples])

    async def refuse(self, client):
        """A message that loops; its id."""
        for words in ("MAIL FROM:<a@example.net>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>", "DATA"):
            await client.ask(words)
        words = await client.ask(f"{MESSAGE}\r\n.")
        self.assertTrue(words.startswith("554"), words)
        return next(event for event in reversed(self.told) if isinstance(event, TransactionEnded)).queue_id


class TestSamples(Sampling):
    async def test_a_message_is_found_by_its_id_with_its_beginning(self):
        """In any case of its letters; and `why` says that it is there."""
        server = self.start()
        id_ = await self.refuse(await self.client(server))
        for what in (id_, id_.lower(), f" {id_} "):
            answer = await self.ask(server, "samples", what=what)
            recipient, message = answer["samples"]
            self.assertEqual((recipient["to"], recipient["octets"]), (["bob@example.org"], None))
            self.assertIsNone(recipient["content"])
            self.assertEqual(
                {key: message[key] for key in ("id", "stage", "reason", "peer", "from", "to", "whole")},
                {
                    "id": id_,
                    "stage": "message",
                    "reason": "loop",
                    "peer": "127.0.0.1",
                    "from": ["a@example.net"],
                    "to": ["ann@example.org"],
                    "whole": True,
                },
            )
            content = b64decode(message["content"])
            self.assertEqual(content, f"{MESSAGE}\n".replace("\r", "").encode())
            self.assertEqual((message["octets"], message["kept"]), (len(MESSAGE) + 2, len(content)))
        answer = await self.ask(server, "why", what=id_)
        self.assertEqual(answer["sessions"][0]["sample"], f"twistedmx samples {answer['sessions'][0]['session']}")

    async def test_a_list_has_no_content_and_can_be_of_one_reason(self):
        """Some megabytes would be a long list."""
        server = self.start()
        id_ = await self.refuse(await self.client(server))
        answer = await self.ask(server, "samples")
        self.assertEqual([each["reason"] for each in answer["samples"]], ["unknown-mailbox", "loop"])
        self.assertEqual([each for each in answer["samples"] if "content" in each], [])
        answer = await self.ask(server, "samples", reason="loop")
        self.assertEqual([each["id"] for each in answer["samples"]], [id_])
        answer = await self.ask(server, "samples", most=1)
        self.assertEqual(([each["reason"] for each in answer["samples"]], answer["older"]), (["loop"], 1))

    async def test_what_cannot_be_found_is_told(self):
        """An id that nobody has is no fault, what is no id is one."""
        server = self.start()
        self.assertFalse((await self.ask(server, "samples", what="0123456789"))["found"])
        self.assertIn("is no id of a session", await self.refused(server, "samples", what="nonsense!"))
        self.assertIn("there are samples of none yet", await self.refused(server, "samples", reason="full-moon"))
        await self.refuse(await self.client(server))
        self.assertIn("of loop, unknown-mailbox", await self.refused(server, "samples", reason="full-moon"))
        self.assertIn("is a number", await self.refused(server, "samples", most="x"))

    async def test_a_reload_takes_up_how_much_is_kept(self):
        """At once, what is there as well; and 0 is nothing at all."""
        server = self.start()
        await self.refuse(await self.client(server))
        for words, kept in (("octets = 8", [0, 8]), ("octets = 0", [0, 0]), ("keep = 0", [])):
            self.write("mx.toml", f"{SETTINGS}{HOPS}[samples]\n{words}\n")
            await server.reload()
            self.listen_to(server)
            answer = await self.ask(server, "samples")
            self.assertEqual([each["kept"] for each in answer["samples"]], kept)
        await self.refuse(await self.client(server))
        self.assertEqual(self.told[-1].beginning.octets, b"")
        self.assertEqual((await self.ask(server, "samples"))["samples"], [])
