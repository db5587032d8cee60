"""qmail-lspawn: in whose name mail is delivered, that one delivery holds up no other, and what a kill leaves behind."""

import os
import signal
import socket
import stat
from pathlib import Path
from unittest import skipUnless

from twisted.internet import defer

from tests.qmail.homes import MESSAGE
from tests.qmail.lspawns import ANN, ANNS_GROUP, AS_ANN, BOB, ROOT, RUN, START, LspawnCase
from tests.qmail.programs import alive
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.endings import Bounced, Deferred, Delivered
from twistedmx.qmail.roots_own import check_roots_own

only_root = skipUnless(ROOT, "only root can become another user")


class DeliveryTests(LspawnCase):
    """Real processes, under a user's uid."""

    async def test_mail_is_written_as_the_user_and_for_the_user_alone(self) -> None:
        """Owner, group and mode are what the user's own programs would give it."""
        home = self.user("ann", ANN)
        self.begin()
        self.assertEqual(await self.ask(b"ann"), Delivered(text="did 1+0+0"))
        (file,) = (home / "Maildir/new").iterdir()
        status = file.stat()
        self.assertEqual((status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), (ANN, ANNS_GROUP, 0o600))
        self.assertEqual(file.read_bytes(), b"Return-Path: <s@far.example>\nDelivered-To: ann@mx.example\n" + MESSAGE)

    async def test_a_program_has_the_users_rights_and_no_others(self) -> None:
        """One group, no capability; and new files are his alone."""
        home = self.user("ann", ANN)
        self.says(home, "|id -u > who; id -G >> who; grep CapPrm /proc/self/status >> who; umask >> who; pwd >> who\n")
        self.begin()
        self.assertIsInstance(await self.ask(b"ann"), Delivered)
        uid, groups, capabilities, umask, where = (home / "who").read_text().splitlines()
        self.assertEqual((int(uid), int(umask, 8), where), (ANN, 0o077, str(home)))
        if ROOT:
            self.assertEqual(groups, str(ANNS_GROUP))
            self.assertEqual(int(capabilities.split()[1], 16), 0)

    async def test_whether_a_program_may_gain_rights_the_operator_says(self) -> None:
        """qmail-queue has a set-user-id bit; without it no forward of vdelivermail or ezmlm arrives."""
        home = self.user("ann", ANN)
        self.says(home, "|grep NoNewPrivs /proc/self/status > who\n")
        for allowed in (True, False):
            self.limits["may_gain_rights"] = allowed
            self.begin()
            await self.ask(b"ann")
            self.assertEqual((home / "who").read_text().split()[1], "0" if allowed else "1")

    async def test_limits_of_the_system_hold_for_programs(self) -> None:
        """And nobody's program leaves a core with mail in it."""
        home = self.user("ann", ANN)
        self.says(home, "|ulimit -t > who; ulimit -v >> who; ulimit -c >> who\n")
        self.limits |= {"processor_seconds": 7, "memory": 2_000_000_000}
        self.begin()
        await self.ask(b"ann")
        self.assertEqual((home / "who").read_text().split(), ["7", str(2_000_000_000 // 1024), "0"])

    async def test_the_extension_and_the_look_up_are_qmails(self) -> None:
        """ann-x is ann's, and nobody's where she has no such file."""
        home = self.user("ann", ANN)
        self.says(home, '|echo "$EXT at $HOST" > who\n', ".qmail-x-default")
        self.begin()
        self.assertIsInstance(await self.ask(b"ann-X-y"), Delivered)
        self.assertEqual((home / "who").read_text(), "X-y at mx.example\n")
        self.assertIsInstance(await self.ask(b"ann-y"), Bounced)

    async def test_what_was_edited_holds_for_the_next_mail(self) -> None:
        """Nobody reloads qmail."""
        self.user("ann", ANN)
        self.begin()
        self.assertIsInstance(await self.ask(b"carl"), Deferred)  # there is no user alias here
        self.user("carl", ANN)
        self.assertIsInstance(await self.ask(b"carl"), Delivered)

    async def test_a_forward_goes_to_qmail_queue(self) -> None:
        """With its interface: the message, and the envelope on descriptor 1, for reading."""
        home = self.user("ann", ANN)
        self.says(home, "&x@far.example\n&y@far.example\n")
        self.begin()
        without = await self.ask(b"ann")
        self.assertIsInstance(without, Deferred)
        self.assertIn("there is no", without.text)
        queue = Path(self.base, "qmail/bin/qmail-queue")
        queue.write_text(f"#!/bin/sh\ncat > {home}/message; cat <&1 > {home}/envelope\n")
        queue.chmod(0o755)
        self.assertEqual(await self.ask(b"ann"), Delivered(text="did 0+2+0"))
        self.assertEqual((home / "message").read_bytes(), b"Delivered-To: ann@mx.example\n" + MESSAGE)
        self.assertEqual((home / "envelope").read_bytes(), b"Fs@far.example\0Tx@far.example\0Ty@far.example\0\0")
        for status, kind in ((31, Bounced), (53, Deferred), (120, Deferred)):
            queue.write_text(f"#!/bin/sh\nexit {status}\n")
            self.assertIsInstance(await self.ask(b"ann"), kind)

    @only_root
    async def test_several_users_at_once_each_with_his_own_rights(self) -> None:
        """One cannot read what the other gets."""
        homes = [self.user("ann", ANN), self.user("bob", BOB)]
        for home in homes:
            self.says(home, f"|id -u > who; cat {homes[0]}/Maildir/new/* > stolen || true\n./Maildir/\n")
        self.begin()
        await defer.gatherResults([self.ask(b"ann"), self.ask(b"bob")])
        await self.ask(b"bob")
        self.assertEqual([(home / "who").read_text().strip() for home in homes], [str(ANN), str(BOB)])
        self.assertEqual((homes[1] / "stolen").read_bytes(), b"")

    @only_root
    async def test_root_believes_no_assignment_that_others_can_change(self) -> None:
        """Whoever can write it would run his programs as anybody; it says what to do, and holds at once when that is done."""
        self.user("ann", ANN)
        self.begin()
        assign, users, home = (
            os.path.join(self.base, "qmail", name).rstrip("/") for name in ("users/assign", "users", "")
        )
        for path in (assign, users, home):
            before = os.stat(path)
            for change, remedy in (
                (lambda path: os.chown(path, BOB, -1), f"chown root {path}"),
                (lambda path: os.chmod(path, 0o757), f"chmod go-w {path}"),
                (lambda path: (os.chown(path, -1, BOB), os.chmod(path, 0o775)), f"chmod go-w {path}"),
            ):
                change(path)
                answer = await self.ask(b"ann")
                self.assertIsInstance(answer, Deferred)
                self.assertIn(remedy, answer.text)
                os.chown(path, before.st_uid, before.st_gid)
                os.chmod(path, stat.S_IMODE(before.st_mode))
            self.assertIsInstance(await self.ask(b"ann"), Delivered)

    @only_root
    def test_root_believes_no_folder_or_link_above_it_that_others_can_change(self) -> None:
        """Who can put another folder in its place has the same as who can write it."""
        Path(self.base, "qmail/users/assign").write_text(".\n")
        above, further = Path(self.base, "above"), Path(self.base, "above/further")
        further.mkdir(parents=True)
        os.rename(f"{self.base}/qmail", further / "qmail")
        link = Path(self.base, "link")
        link.symlink_to("above/../above/further")
        home = str(link / "qmail")
        check_roots_own(home)
        for path in (above, further, link):
            os.chown(path, BOB, -1, follow_symlinks=False)
            with self.assertRaisesRegex(CouldNotTell, rf"^{path}: belongs to uid {BOB}, .*chown (-h )?root {path}$"):
                check_roots_own(home)
            os.chown(path, 0, -1, follow_symlinks=False)
            check_roots_own(home)
        above.chmod(0o777)
        with self.assertRaisesRegex(CouldNotTell, rf"^{above}: can be changed .*chmod go-w {above}$"):
            check_roots_own(home)
        above.chmod(0o1777)
        check_roots_own(home)  # as /tmp: nobody else can take away what root has there
        (further / "qmail/users").chmod(0o1777)
        with self.assertRaisesRegex(CouldNotTell, "users: can be changed"):  # but make users/cdb
            check_roots_own(home)
        above.chmod(0o755)
        link.unlink()
        link.symlink_to(link)
        with self.assertRaisesRegex(CouldNotTell, "symbolic links"):
            check_roots_own(home)

    @only_root
    async def test_root_gets_no_mail(self) -> None:
        """Whatever an entry says; and no group of root's."""
        for numbers in ("0:100", f"{ANN}:0"):
            self.entries = ""
            Path(self.base, "qmail/users/assign").write_text(f"=ann:ann:{numbers}:/tmp:::\n.\n")
            self.begin()
            ending = await self.ask(b"ann")
            self.assertIsInstance(ending, Deferred)
            self.assertIn("as root", ending.text)

    @only_root
    async def test_without_root_the_own_uid_gets_mail_and_others_are_deferred(self) -> None:
        """And the line says what to do."""
        self.user("ann", ANN)
        self.user("bob", BOB)
        self.program = START + AS_ANN + RUN
        self.begin()
        self.assertIsInstance(await self.ask(b"ann"), Delivered)
        ending = await self.ask(b"bob")
        self.assertIsInstance(ending, Deferred)
        self.assertIn(f"runs as uid {ANN} and cannot deliver as uid {BOB}; start it as root", ending.text)


class FaultTests(LspawnCase):
    """What goes wrong in one delivery, and with the process itself."""

    async def test_a_delivery_that_hangs_is_killed_and_holds_up_no_other(self) -> None:
        """A directory of users that is down, a home that does not answer."""
        self.user("ann", ANN)
        self.program = (
            START + "lspawn.GRACE = 0.1; "
            "find = lspawn.find_account; "
            "lspawn.find_account = lambda terms, local: time.sleep(1000) if local == b'hang' else find(terms, local); "
            + RUN
        )
        self.limits["seconds"] = 1.0
        self.begin()
        hanging = self.ask(b"hang")
        self.assertIsInstance(await self.ask(b"ann"), Delivered)
        self.assertNoResult(hanging)
        ending = await hanging
        self.assertIsInstance(ending, Deferred)
        self.assertIn("was killed", ending.text)

    async def test_a_program_that_hangs_is_killed(self) -> None:
        """And the peer told to come again."""
        home = self.user("ann", ANN)
        self.says(home, "|sleep 1000\n")
        self.limits["seconds"] = 1.0
        self.begin()
        ending = await self.ask(b"ann")
        self.assertIsInstance(ending, Deferred)
        self.assertIn("took too long", ending.text)

    async def test_a_delivery_that_crashes_is_deferred(self) -> None:
        """Killed by the machine for its memory, for example."""
        self.program = START + "lspawn.find_account = lambda terms, local: os.kill(os.getpid(), 9); " + RUN
        self.begin()
        ending = await self.ask(b"ann")
        self.assertIsInstance(ending, Deferred)
        self.assertIn("crashed", ending.text)

    async def test_a_program_does_not_outlive_the_delivery_that_runs_it(self) -> None:
        """Where the delivery had to be killed, or the next try would meet its program still at work."""
        home = self.user("ann", ANN)
        self.says(home, "|echo $$ $PPID > begun.new; mv begun.new begun; exec sleep 1000\n")
        self.begin()
        under_way = self.ask(b"ann")
        await self.until((home / "begun").exists)
        program, delivery = map(int, (home / "begun").read_text().split())
        os.kill(delivery, signal.SIGKILL)
        self.assertIn("crashed", (await under_way).text)
        await self.until(lambda: not alive(program))

    async def test_an_exception_of_ours_is_deferred_and_told(self) -> None:
        """Never a bounce."""
        self.program = START + "lspawn.find_account = lambda terms, local: 1 / 0; " + RUN
        self.begin()
        ending = await self.ask(b"ann")
        self.assertIsInstance(ending, Deferred)
        self.assertIn("ZeroDivisionError", ending.text)

    async def test_a_delivery_that_cannot_be_followed_is_not_begun(self) -> None:
        """Without a descriptor left it was deferred, and delivered all the same: the mail came twice."""
        home = self.user("ann", ANN)
        self.program = (
            START
            + "opens = lspawn.pidfd_open; fails = [0] * 20\n"
            + "def fail(pid):\n"
            + "    if fails: fails.pop(); time.sleep(0.02); raise OSError(24, 'Too many open files')\n"
            + "    return opens(pid)\n"
            + "lspawn.pidfd_open = fail; "
            + RUN
        )
        self.begin()
        for _ in range(20):
            self.assertIn("Too many open files", (await self.ask(b"ann")).text)
        # Its socket, 1, 2 and what it waits with.
        await self.until(lambda: len(os.listdir(f"/proc/{self.process.pid}/fd")) <= 4)
        self.assertEqual(list((home / "Maildir/new").iterdir()), [])
        self.assertIsInstance(await self.ask(b"ann"), Delivered)
        self.assertEqual(len(list((home / "Maildir/new").iterdir())), 1)

    async def test_when_it_is_killed_all_is_deferred_from_then_on(self) -> None:
        """Nothing waits for ever, and the operator is told."""
        home = self.user("ann", ANN)
        self.says(home, "|echo > begun; sleep 1000\n")
        self.limits["seconds"] = 2.0  # what it leaves running ends then
        self.begin()
        under_way = self.ask(b"ann")
        await self.until((home / "begun").exists)
        os.kill(self.process.pid, signal.SIGKILL)
        ending = await under_way
        self.assertIsInstance(ending, Deferred)
        self.assertIn("is gone", ending.text)
        self.assertIsInstance(await self.ask(b"ann"), Deferred)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    async def test_it_ends_when_the_server_is_gone_and_not_before_its_deliveries(self) -> None:
        """A program in the middle of its work is not torn out of it."""
        home = self.user("ann", ANN)
        self.says(home, "|echo > begun; while ! test -e go; do sleep 0.01; done; echo > done\n")
        self.begin()
        under_way = self.ask(b"ann")
        await self.until((home / "begun").exists)
        self.lspawn._process = None
        self.lspawn.stop()
        self.assertIsInstance(await under_way, Deferred)
        self.assertIsNone(self.process.poll())
        (home / "go").touch()
        await self.until(lambda: self.process.poll() is not None)
        self.assertEqual(self.process.returncode, 0)
        self.assertTrue((home / "done").exists())

    async def test_signals_do_not_end_it(self) -> None:
        """The server has mail to finish after one; but a user's program may be ended by them."""
        home = self.user("ann", ANN)
        self.says(home, "|kill -TERM $$\n")
        self.begin()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(self.process.pid, number)
        self.assertIn("child crashed, of signal 15", (await self.ask(b"ann")).text)

    async def test_no_descriptor_stays_behind(self) -> None:
        """A thousand deliveries later it must still have some."""
        self.user("ann", ANN)
        self.begin()
        folder = f"/proc/{self.process.pid}/fd"
        await self.ask(b"ann")
        before = len(os.listdir(folder))
        for local in (b"ann", b"nobody", b"ann-x", b"ann"):
            await self.ask(local)
        self.assertEqual(len(os.listdir(folder)), before)


class CrowdTests(LspawnCase):
    """Many at once."""

    async def test_more_than_may_be_done_at_once_wait_and_are_done(self) -> None:
        """In order, and without a descriptor each."""
        home = self.user("ann", ANN)
        self.says(home, "|echo x >> running; test $(ls -d /proc/[0-9]* | wc -l) -gt 0\n./Maildir/\n")
        self.limits["most"] = 2
        self.begin()
        endings = await defer.gatherResults([self.ask(b"ann") for _ in range(12)])
        self.assertEqual({type(ending) for ending in endings}, {Delivered})
        self.assertEqual(len(list((home / "Maildir/new").iterdir())), 12)

    async def test_more_than_may_wait_are_deferred_at_once(self) -> None:
        """The peer's queue is the better one."""
        home = self.user("ann", ANN)
        self.says(home, "|while ! test -e go; do sleep 0.01; done\n")
        self.limits |= {"most": 1, "waiting": 1}
        self.begin()
        first, second, third = (self.ask(b"ann") for _ in range(3))
        self.assertIsInstance(self.successResultOf(third), Deferred)
        (home / "go").touch()
        self.assertEqual([type(await ending) for ending in (first, second)], [Delivered, Delivered])

    async def test_who_finds_no_place_in_time_is_deferred(self) -> None:
        """Before the peer gives up on us."""
        home = self.user("ann", ANN)
        self.says(home, "|while ! test -e go; do sleep 0.01; done\n")
        self.limits |= {"most": 1, "patience": 1.0}
        self.begin()
        first, second = self.ask(b"ann"), self.ask(b"ann")
        ending = await second
        self.assertIsInstance(ending, Deferred)
        self.assertIn("no turn came", ending.text)
        (home / "go").touch()
        self.assertIsInstance(await first, Delivered)

    async def test_who_gives_up_while_he_waits_is_not_delivered(self) -> None:
        """The session is over, nobody hears the answer."""
        home = self.user("ann", ANN)
        self.says(home, "|while ! test -e go; do sleep 0.01; done\n./Maildir/\n")
        self.limits["most"] = 1
        self.begin()
        first, second, third = (self.ask(b"ann") for _ in range(3))
        second.cancel()
        (home / "go").touch()
        self.assertEqual([type(await ending) for ending in (first, second, third)], [Delivered, Deferred, Delivered])
        self.assertEqual(len(list((home / "Maildir/new").iterdir())), 2)


class PeerTests(LspawnCase):
    """An asker that speaks badly, or has turned against us."""

    async def test_packets_that_are_no_requests_harm_nobody(self) -> None:
        """It is root's process: no packet may end it, or start what was not asked for."""
        self.user("ann", ANN)
        self.begin()
        raw = self.lspawn.peer
        for packet in (b"x", b"\0" * 5000, b"1\0ann\0h\0s\0uid=0", b"zz\0ann\0h\0s", b"a" * 60_000):
            raw.send(packet)
        with open("/dev/null") as one, open("/dev/null") as two:
            socket.send_fds(raw, [b"2\0ann\0h\0s"], [one.fileno(), two.fileno()])
        raw.send(b"3\0ann\0h\0s")
        self.assertIsInstance(await self.ask(b"ann"), Delivered)
        self.assertIsNone(self.process.poll())

    async def test_what_is_no_file_in_place_of_the_message_is_deferred(self) -> None:
        """A pipe would hang, a socket has no beginning."""
        self.user("ann", ANN)
        self.begin()
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        ending = await self.lspawn.ask(local=b"ann", host=b"h", sender=b"", message=lambda: reading)
        self.assertIsInstance(ending, Deferred)

    async def test_a_message_that_cannot_be_opened_again_is_deferred(self) -> None:
        """And the next one is delivered."""
        self.user("ann", ANN)
        self.begin()

        def closed() -> int:
            raise OSError(24, "Too many open files")

        ending = await self.lspawn.ask(local=b"ann", host=b"h", sender=b"", message=closed)
        self.assertIsInstance(ending, Deferred)
        self.assertIsInstance(await self.ask(b"ann"), Delivered)

    async def test_words_that_cannot_be_asked_are_deferred(self) -> None:
        """Never sent."""
        self.begin()
        for words in ({"local": b"a\0b"}, {"local": b""}, {"local": b"a", "sender": b"s" * 1100}):
            ending = await self.lspawn.ask(**{"host": b"h", "sender": b"", "message": self.opens(), **words})
            self.assertIsInstance(ending, Deferred)
