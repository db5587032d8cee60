"""What hangs, hangs alone: homes on NFS and the users of the system are asked in a few threads of their own, with a time limit."""

import os
import pwd
import threading

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.qmail.tree import TreeTest
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.beside import LINE, THREADS, TIME_LIMIT, Beside
from twistedmx.qmail.chkuser import Recipients
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.local_delivery import LocalDelivery
from twistedmx.testing.qmail_tree import remake


class Hanging(TestCase):
    """`hang`: does, until the test lets it go."""

    timeout = 60

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.let_go = threading.Event()
        self.there = threading.Semaphore(0)
        self.beside = Beside(clock=self.clock, call_from_thread=reactor.callFromThread)  # type: ignore[attr-defined]
        self.addCleanup(self.beside.stop)
        self.addCleanup(self.let_go.set)

    def hang(self, *arguments: object) -> str:
        self.there.release()
        self.let_go.wait(50)
        return "at last"


class TestThreads(Hanging):
    def assert_doubt(self, answer: "Deferred[object]", words: str) -> None:
        self.assertIn(words, str(self.failureResultOf(answer, CouldNotTell).value))

    async def test_it_is_answered_from_a_thread(self) -> None:
        """With what was found, or with what was raised."""
        self.assertNotEqual(await self.beside.run(threading.get_ident), threading.get_ident())
        with self.assertRaises(ZeroDivisionError):
            await self.beside.run(divmod, 1, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_what_hangs_holds_eight_threads_and_no_more(self) -> None:
        """Then who asks is told at once, and all is well again when it answers."""
        asked = [self.beside.run(self.hang) for _ in range(THREADS + LINE)]
        self.assert_doubt(self.beside.run(self.hang), "have not answered others yet")  # no room to wait
        self.assertEqual(self.beside._threads, THREADS)
        self.assertNoResult(asked[0])
        self.clock.advance(TIME_LIMIT)
        for answer in asked:
            self.assert_doubt(answer, "have not answered within 10 s")
        self.assert_doubt(self.beside.run(int), "have not answered others yet")
        for _ in range(THREADS):
            self.there.acquire()
        self.let_go.set()
        while self.beside._given_up:
            turn: Deferred[None] = Deferred()
            reactor.callLater(0, turn.callback, None)  # type: ignore[attr-defined]
            await turn
        self.assertEqual(await self.beside.run(int), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_is_gone_frees_his_place_in_the_line(self) -> None:
        """A peer that asks and hangs up, again and again."""
        for _ in range(THREADS):
            self.beside.run(self.hang).addErrback(lambda _: None)
        for _ in range(3 * LINE):
            waiting = self.beside.run(self.hang)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(self.clock.getDelayedCalls()), THREADS)

    def test_the_server_stops_while_a_home_hangs(self) -> None:
        """Nobody joins a thread that a dead NFS server has."""
        hangs = self.beside.run(self.hang)
        self.beside.stop()
        self.assert_doubt(hangs, "the server stops")
        self.assert_doubt(self.beside.run(int), "")
        self.assertTrue(all(one.daemon for one in threading.enumerate() if one.name == "beside"))


class TestRecipients(Hanging, TreeTest):
    """With a name service, and a home, that do not answer."""

    def asked(self, recipient: bytes) -> "Checked | Deferred[Checked]":
        accounts = Accounts(self.user_named)
        recipients = Recipients(
            assign=self.assign, accounts=accounts, vpopmail=self.vpopmail, run_in_thread=self.beside.run
        )
        checked = recipients.check(recipient, self.caller(), allowed=True)
        return checked if isinstance(checked, Checked) else Deferred.fromCoroutine(checked)  # type: ignore[arg-type]

    def user_named(self, name: str) -> pwd.struct_passwd:
        self.hang()
        raise KeyError(name)

    def test_a_name_service_that_hangs_is_451_and_holds_up_nobody(self) -> None:
        """Users of vpopmail, and what users/assign has in qmail's own folders, are told meanwhile."""
        asked = self.asked(b"carol@host.example")
        assert not isinstance(asked, Checked)
        self.assertNoResult(asked)
        for recipient, case in ((b"ann@example.org", Case.ACCEPTED), (b"zoe@example.org", Case.NO_MAILBOX)):
            checked = self.asked(recipient)
            assert isinstance(checked, Checked)
            self.assertIs(checked.case, case)
        self.clock.advance(TIME_LIMIT)
        late = self.successResultOf(asked)
        self.assertEqual((late.case, late.reply.code), (Case.NO_RESOURCE, 451))
        self.assertIn("/etc/nsswitch.conf", late.detail)

    async def test_homes_of_users_are_looked_at_in_a_thread(self) -> None:
        """users/assign answers from memory; `.qmail` files of its users may be on NFS. So may those of a domain of a user."""
        home = os.path.abspath(self.mktemp())
        os.mkdir(home)
        with open(os.path.join(home, ".qmail-x"), "w", encoding="ascii"):
            pass
        with open(self.path("users", "assign"), encoding="ascii") as file:
            entries = file.read()
        ours = f"+frank-:frank:1000:1000:{home}:-::\n+user.example-:frank:1000:1000:{home}:-::\n"
        self.write(ours + entries, "users", "assign")
        remake(self.tree)
        for recipient, case in (
            (b"frank-x@host.example", Case.ACCEPTED),
            (b"frank-y@host.example", Case.NO_MAILBOX),
            (b"x@user.example", Case.ACCEPTED),
            (b"y@user.example", Case.NO_RESOURCE),  # no vpasswd, nor a file for all the rest
        ):
            asked = self.asked(recipient)
            assert not isinstance(asked, Checked), recipient
            self.assertIs((await asked).case, case, recipient)

    def test_whether_two_have_plain_maildirs_is_not_waited_for(self) -> None:
        """It was asked in the reactor's thread, at each second RCPT; not known in time, the second hears 452."""
        delivery = LocalDelivery(
            lspawn=None,
            spool="",
            find=self.assign.find,
            of_system=Accounts(self.user_named).find,
            run_in_thread=self.beside.run,
            default_delivery=b"./Maildir/",
        )
        plain = Deferred.fromCoroutine(delivery.are_plain([b"carol", b"dave"]))
        place = Deferred.fromCoroutine(delivery.place_of(b"carol"))
        self.assertNoResult(plain)
        self.clock.advance(TIME_LIMIT)
        self.assertFalse(self.successResultOf(plain))
        self.assertIn("have not answered", self.successResultOf(place)["maildir"])
