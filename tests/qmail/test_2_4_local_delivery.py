"""Messages of a session for local users: what the dot is answered, and what is kept meanwhile."""

import gc
import os
from unittest import SkipTest

from twisted.internet import defer
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.homes import MESSAGE
from tests.qmail.lspawns import ANN, BOB, ROOT, LspawnCase
from twistedmx.model.storage import Failed, NoSpace, Stored
from twistedmx.qmail.account import Account
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.chkuser import at_once
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.endings import Bounced, Deferred
from twistedmx.qmail.local_delivery import LocalArrival, LocalDelivery, Recipient, reply_of

TRACE = b"Received: from here\n"


class LocalDeliveryTests(LspawnCase):
    """With the real process."""

    def setUp(self) -> None:
        super().setUp()
        self.ann = self.user("ann", ANN)
        self.bob = self.user("bob", BOB)
        self.begin()
        self.spool = f"{self.base}/spool"
        os.mkdir(self.spool)
        self.delivery = LocalDelivery(
            lspawn=self.lspawn,
            spool=self.spool,
            find=Assign(f"{self.base}/qmail").find,
            of_system=self.of_system,
            run_in_thread=at_once,
            default_delivery=b"./Maildir/",
        )

    def of_system(self, local: bytes) -> Account:
        raise CouldNotTell("users/assign", "has no such entry", "add it")

    def opened(self, *locals_: bytes, beginning: int = 0) -> LocalArrival:
        return self.delivery.open(
            [Recipient(local=local, host=b"mx.example") for local in locals_],
            sender=b"s@far.example",
            trace=TRACE,
            beginning=beginning,
        )

    def descriptors(self) -> int:
        gc.collect()  # what other tests have left open
        return len(os.listdir("/proc/self/fd"))

    async def test_stored_means_that_every_recipient_has_it(self) -> None:
        """With our Received line, and his own lines above that."""
        await self.ask(b"nobody")  # the reactor has opened what it needs
        arrival = self.opened(b"ann", b"bob")
        for at in range(0, len(MESSAGE), 7):
            self.assertIsNone(arrival.write(MESSAGE[at : at + 7]))
        before = self.descriptors()
        self.assertEqual(await arrival.commit(), Stored(paths=()))
        self.assertEqual(self.descriptors(), before - 1)
        for name, home in (("ann", self.ann), ("bob", self.bob)):
            (file,) = (home / "Maildir/new").iterdir()
            lines = f"Return-Path: <s@far.example>\nDelivered-To: {name}@mx.example\n".encode()
            self.assertEqual(file.read_bytes(), lines + TRACE + MESSAGE)

    async def test_programs_of_two_recipients_read_the_message_at_the_same_time(self) -> None:
        """Each at a place of its own in it."""
        for home in (self.ann, self.bob):
            self.says(home, "|read line; echo > begun; while ! test -e go; do sleep 0.01; done; cat > rest\n")
        arrival = self.opened(b"ann", b"bob")
        arrival.write(MESSAGE)
        told = defer.ensureDeferred(_await(arrival.commit()))
        await self.until(lambda: (self.ann / "begun").exists() and (self.bob / "begun").exists())
        for home in (self.ann, self.bob):
            (home / "go").touch()
        self.assertIsInstance(await told, Stored)
        for home in (self.ann, self.bob):
            self.assertEqual((home / "rest").read_bytes(), MESSAGE)

    async def test_nobody_can_write_into_the_message_of_another(self) -> None:
        """It is not opened for writing, and is not his file."""
        if not ROOT:
            raise SkipTest("one user can write into his own files")
        self.says(self.ann, "|{ echo evil > /proc/self/fd/0; } 2>/dev/null && touch wrote; exit 0\n")
        arrival = self.opened(b"ann")
        arrival.write(MESSAGE)
        self.assertIsInstance(await arrival.commit(), Stored)
        self.assertFalse((self.ann / "wrote").exists())

    async def test_one_who_refuses_or_fails_is_the_answer(self) -> None:
        """Refused before deferred before stored."""
        endings = []
        self.delivery._outcome_of = lambda ending: endings.append(ending) or Failed(detail="x")
        self.says(self.ann, "|echo not today; exit 111\n")
        self.says(self.bob, "|echo never; exit 100\n")
        for locals_ in ((b"ann",), (b"ann", b"bob"), (b"bob-x", b"ann")):
            arrival = self.opened(*locals_)
            arrival.write(MESSAGE)
            await arrival.commit()
        self.assertEqual([type(ending) for ending in endings], [Deferred, Bounced, Bounced])
        self.assertEqual(endings[1].said, "never")

    async def test_an_aborted_message_leaves_nothing(self) -> None:
        """Not even a descriptor; and may be aborted again."""
        before = self.descriptors()
        arrival = self.opened(b"ann")
        arrival.abort()
        arrival = self.opened(b"ann", beginning=4)
        arrival.write(MESSAGE)
        self.assertEqual(arrival.beginning(), MESSAGE[:4])
        arrival.abort()
        arrival.abort()
        arrival.write(b"more")
        self.assertIsInstance(await arrival.commit(), Failed)
        self.assertEqual(self.descriptors(), before)
        self.assertEqual(os.listdir(self.spool), [])
        self.assertEqual(os.listdir(self.ann / "Maildir/new"), [])

    async def test_after_commit_an_abort_changes_nothing(self) -> None:
        """What has begun is done."""
        arrival = self.opened(b"ann")
        arrival.write(MESSAGE)
        told = defer.ensureDeferred(_await(arrival.commit()))
        arrival.abort()
        self.assertEqual(await told, Stored(paths=()))

    async def test_a_spool_that_is_away_or_full_fails_the_message(self) -> None:
        """And tells the two apart."""
        self.delivery._spool = f"{self.base}/missing"
        arrival = self.opened(b"ann")
        arrival.write(MESSAGE)
        self.assertIsInstance(await arrival.commit(), Failed)
        if os.path.exists("/dev/full"):
            self.delivery._spool = self.spool
            arrival = self.opened(b"ann")
            arrival.write(b"x")
            assert arrival._file is not None
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, arrival._file.fileno())
            os.close(full)
            arrival.write(b"a" * 1_000_000)
            self.assertIsInstance(await arrival.commit(), NoSpace)

    async def test_maildirs_alone_are_plain(self) -> None:
        """All else could fail for one and not for the others of a message."""
        self.assertTrue(await self.delivery.are_plain([b"ann", b"bob"]))
        for octets, plain in (
            ("./Maildir/\n/elsewhere/\n", True),
            ("#\n", True),
            ("./Mailbox\n", False),
            ("|true\n./Maildir/\n", False),
            ("&x@y\n", False),
            ("\n", False),
        ):
            self.says(self.ann, octets)
            self.assertEqual(await self.delivery.are_plain([b"bob", b"ann"]), plain, octets)
        self.assertFalse(await self.delivery.are_plain([b"ann-x"]))
        self.assertFalse(await self.delivery.are_plain([b"nobody"]))


async def _await(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]


class ReplyTests(SynchronousTestCase):
    """What the peer hears."""

    def test_the_status_at_the_end_of_the_words_is_the_replys(self) -> None:
        """qmail writes it there, an SMTP reply at the front."""
        for ending, wanted in (
            (
                Bounced(text="x", said="Sorry, no mailbox here by that name. (#5.1.1)"),
                "554 5.1.1 Sorry, no mailbox here by that name.",
            ),
            (Bounced(text="/home/x"), "554 5.3.0 This address refused the message"),
            (Bounced(text="x", said="words (#4.1.1)"), "554 5.3.0 words"),
            (Bounced(text="x", said="(#5.7.1)"), "554 5.7.1 This address refused the message"),
            (Deferred(text="/x"), "451 4.3.0 The message cannot be delivered now; send it again later"),
            (Deferred(text="x", said="full (#4.2.2)"), "451 4.2.2 full"),
        ):
            self.assertEqual(str(reply_of(ending)), wanted)
