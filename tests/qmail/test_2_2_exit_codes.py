"""What the end of a queue program says to the peer: the table of qmail.c, texts of its own, and programs that misbehave."""

import os
import signal
from pathlib import Path
from random import Random

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.queue_home import QueueCase, ends
from tests.qmail.test_2_1_handing_over import LONG
from twistedmx.model.storage import Declined, HandedOver
from twistedmx.qmail import queue_exits
from twistedmx.qmail.queue_exits import is_refusal, reply_of, text_of

TABLE = {
    11: "554 envelope address too long for qq (#5.1.3)",
    12: "554 qq permanent problem (#5.3.0)",
    31: "554 mail server permanently rejected message (#5.3.0)",
    32: "554 Private key file does not exist (#5.3.5)",
    40: "554 qq permanent problem (#5.3.0)",
    41: "451 qq temporary problem (#4.3.0)",
    51: "451 qq out of memory (#4.3.0)",
    52: "451 qq timeout (#4.3.0)",
    53: "451 qq write error or disk full (#4.3.0)",
    54: "451 qq read error (#4.3.0)",
    55: "451 qq unable to read configuration (#4.3.0)",
    56: "451 qq trouble making network connection (#4.3.0)",
    58: "451 qq trouble creating child (#4.3.0)",
    59: "451 qq trouble creating pipes (#4.3.0)",
    61: "451 qq trouble in home directory (#4.3.0)",
    62: "451 qq trouble creating files in queue (#4.3.0)",
    63: "451 qq trouble creating files in queue (#4.3.0)",
    64: "451 qq trouble creating files in queue (#4.3.0)",
    65: "451 qq trouble creating files in queue (#4.3.0)",
    66: "451 qq trouble creating files in queue (#4.3.0)",
    70: "451 qq trouble with pid file (#4.3.0)",
    71: "451 mail server temporarily rejected message (#4.3.0)",
    72: "451 connection to mail server timed out (#4.4.1)",
    73: "451 connection to mail server rejected (#4.4.1)",
    74: "451 communication with mail server failed (#4.4.2)",
    81: "451 qq internal bug (#4.3.0)",
    82: "451 unable to exec qq (#4.3.0)",
    88: "451 unable to exec qq (#4.3.0)",
    91: "451 qq internal bug (#4.3.0)",
    111: "451 qq temporary problem (#4.3.0)",
    115: "554 envelope address too long for qq (#5.1.3)",
    120: "451 unable to exec qq (#4.3.0)",
    1: "451 qq temporary problem (#4.3.0)",
    255: "451 qq temporary problem (#4.3.0)",
}


class TestTable(SynchronousTestCase):
    def test_every_exit_has_its_reply(self):
        """Log readers and senders know them by heart."""
        self.assertEqual({code: str(reply_of(code)) for code in TABLE}, TABLE)
        self.assertEqual(str(reply_of(None)), "451 qq crashed (#4.3.0)")
        self.assertEqual(str(reply_of(0)), "451 qq read error (#4.3.0)")

    def test_a_text_of_its_own_counts_for_82_and_88_alone(self):
        """simscan and notqmail exit 82, sagredo's tree 88."""
        for code in (82, 88):
            self.assertEqual(str(reply_of(code, b"DVirus found (#5.7.1)\n")), "554 Virus found (#5.7.1)")
            self.assertEqual(str(reply_of(code, b"ZCome again")), "451 Come again")
        self.assertEqual(str(reply_of(31, b"DVirus found")), TABLE[31])
        self.assertEqual(str(reply_of(82, b"D1")), TABLE[82])

    def test_a_text_is_one_line_of_printable_ascii(self):
        """A line end in it would be a second reply, and what the sender wrote might stand in it."""
        self.assertEqual(str(reply_of(88, b"Da\r\n250 ok\x00\xc3\xa4")), "554 a??250 ok???")
        self.assertEqual(str(reply_of(88, b"D" + b"x" * 300)), "554 " + "x" * 254)
        self.assertEqual(str(reply_of(88, b"D\n\n\n")), "554 qq permanent problem (#5.3.0)")
        self.assertEqual(str(reply_of(88, b"Z   ")), "451 qq temporary problem (#4.3.0)")

    def test_the_first_descriptor_with_a_text_is_heard(self):
        """Some write on 4, some on 6; who means both writes the same on each."""
        self.assertEqual(text_of(b"", b"Dsix"), b"Dsix")
        self.assertEqual(text_of(b"Dfour", b"Dsix"), b"Dfour")
        self.assertEqual(text_of(b"D", b""), b"")

    def test_a_judgement_is_told_from_a_fault(self):
        """The first is mail that a scanner refuses, the second is for the operator."""
        refusals = {code for code in TABLE if is_refusal(code)}
        self.assertEqual(refusals, {11, 12, 31, 32, 40, 71, 115})
        self.assertTrue(is_refusal(88, b"Zgreylisted"))
        self.assertFalse(is_refusal(88))
        self.assertFalse(is_refusal(None))


class TestPrograms(QueueCase):
    async def test_an_exit_is_the_reply(self):
        """And whether the operator has to look is told apart."""
        for steps, fault in (("message envelope exit:31", False), ("exit:31", False), ("message exit:53", True)):
            outcome = await self.hand(steps)
            code = int(steps.rpartition(":")[2])
            self.assertEqual((str(outcome.reply), outcome.fault), (TABLE[code], fault))
            self.assertEqual(outcome.detail, f"bin/qmail-queue: ended with status {code}")
        await self.assert_nothing_is_left()

    async def test_a_text_is_read_wherever_it_was_written(self):
        """Patches disagree about the descriptor and the exit: all four are taken."""
        for steps, words in (
            ("message envelope text:4:DVirus_found^ exit:82", {}),
            ("message envelope text:6:DVirus_found^ exit:82", {}),
            ("message envelope text:4:DVirus_found^ exit:88", {}),
            ("message envelope text:6:DVirus_found^ exit:88", {}),
            ("message envelope text:4:DVirus text:4:_found text:6:Dno exit:88", {}),
            ("message envelope text:7:DVirus_found exit:88", {"error_fd": b"7"}),
            ("message envelope text:2:DVirus_found exit:88", {"error_fd": b"2"}),
        ):
            self.assertEqual(await self.reply(steps, **words), "554 Virus found", steps)
        self.assertEqual(await self.reply("text:4:Zslowly exit:88"), "451 slowly")
        await self.assert_nothing_is_left()

    async def test_too_much_text_keeps_nobody_waiting(self):
        """Nobody reads it before the end, and a pipe that is full would hold a program for ever."""
        for descriptor in (4, 6):
            reply = await self.reply(f"message envelope much:{descriptor} exit:82")
            self.assertEqual(reply, "554 " + "x" * 254)

    async def test_one_that_a_signal_ends_has_crashed_wherever_it_was(self):
        """Before it has read, in the message, in the envelope, and with a text that it did not mean to end with."""
        for steps in ("kill:9", "read:10 kill:11", "message kill:9", "message envelope kill:15", "text:4:Dxxx kill:9"):
            for content in (b"short", LONG):
                self.assertEqual(await self.reply(steps, content), "451 qq crashed (#4.3.0)", steps)
        outcome = await self.hand(f"kill:{int(signal.SIGTERM)}")
        self.assertEqual(
            outcome, Declined(reply=reply_of(None), detail="bin/qmail-queue: ended by signal 15", fault=True)
        )
        await self.assert_nothing_is_left()

    async def test_one_that_says_0_and_has_not_read_the_message_is_not_believed(self):
        """QMAILQUEUE=/bin/true would be a hole into which all mail falls."""
        for steps in ("exit:0", "close:0 exit:0", "envelope exit:0"):
            self.assertEqual(await self.reply(steps), "451 qq read error (#4.3.0)", steps)
        for steps in ("exit:0", "read:70000 exit:0", "read:1 close:0 exit:0"):
            self.assertEqual(await self.reply(steps, LONG), "451 qq read error (#4.3.0)", steps)
        self.assertEqual(await self.reply(program=b"/bin/true"), "451 qq read error (#4.3.0)")
        await self.assert_nothing_is_left()

    async def test_one_that_closes_the_message_early_is_heard_all_the_same(self):
        """It has seen enough, reads the envelope to its end, which comes at once, and refuses."""
        self.assertEqual(await self.reply("read:100 close:0 envelope exit:31", LONG), TABLE[31])

    async def test_a_part_of_a_message_is_never_followed_by_an_envelope(self):
        """qmail-queue would queue it as it is."""
        await self.hand("read:100 close:0 envelope store exit:0", LONG)
        (envelope,) = Path(self.folder).glob("*.envelope")
        self.assertEqual(envelope.read_bytes(), b"")

    async def test_one_that_hangs_is_killed_with_all_that_it_has_started(self):
        """At the limit, not before, and wherever it hangs; what it has started would hold its memory, and ours."""
        programs = self.build(time_limit=1)
        steps = ["child hang", "child message envelope hang", "child close:0 close:1 hang", "message text:4:Dxxx hang"]
        outcomes = await gatherResults([self.hand(each, LONG, programs=programs) for each in steps])
        self.assertEqual({str(each.reply) for each in outcomes}, {"451 qq timeout (#4.3.0)"})
        self.assertEqual({each.detail for each in outcomes}, {"bin/qmail-queue: killed after 1 seconds"})
        await programs.stop()
        pids = [int(path.read_text()) for path in Path(self.folder).glob("*.child")]
        self.assertEqual((len(pids), [pid for pid in pids if not ends(pid)]), (3, []))
        await self.assert_nothing_is_left(programs)

    async def test_a_child_that_reads_nothing_holds_the_message_no_longer_than_the_limit(self):
        """The program has said 0 and is gone; what it has left behind keeps the pipe open."""
        programs = self.build(time_limit=1)
        self.assertEqual(await self.reply("read:1 child exit:0", LONG, programs=programs), "451 qq timeout (#4.3.0)")
        await self.assert_nothing_is_left(programs)

    async def test_one_that_cannot_be_executed_is_told_with_its_name(self):
        """Missing, not ours to run, a folder, no program at all."""
        self.program("bin/not-executable", mode=0o644)
        self.program("bin/not-a-program", "neither a script nor a binary")
        self.program("bin/no-interpreter", "#!/nonexistent/interpreter\n")
        for name in (b"missing", b"bin/not-a-program", b"bin/no-interpreter", b"bin", b"", b"bin/not-executable"):
            outcome = await self.hand(program=name)
            self.assertEqual(str(outcome.reply), "451 unable to exec qq (#4.3.0)", name)
            self.assertTrue(outcome.fault)
            self.assertIn(f"{name.decode()} cannot be executed: ", outcome.detail)
            self.assertIn("QMAILQUEUE", outcome.detail)
        await self.assert_nothing_is_left()

    async def test_a_home_that_is_not_there_is_told(self):
        """qmail.c exits 61 for it."""
        self.programs._home = f"{self.home}/nowhere"
        self.assertEqual(await self.reply(), "451 qq trouble in home directory (#4.3.0)")
        await self.assert_nothing_is_left()

    async def test_without_descriptors_nothing_is_started(self):
        """451, and the next message finds them again."""
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for more in range(3, 16):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + more, hard))
            try:
                hand = self.hand()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            outcome = await hand
            if isinstance(outcome, HandedOver):
                break
            self.assertEqual(str(outcome.reply), "451 qqt failure (#4.3.0)")
        else:
            self.fail("never enough")
        await self.assert_nothing_is_left()

    async def test_what_no_environment_can_have_starts_nothing(self):
        """A NUL would cut it, and what is behind it would be lost."""
        for environment in ({b"A": b"x\0y"}, {b"A=B": b"x"}):
            self.assertEqual(await self.reply(environment=environment), "451 qqt failure (#4.3.0)")
        await self.assert_nothing_is_left()

    async def test_an_address_with_nul_is_a_fault_of_ours_and_starts_nothing(self):
        """It is told as one."""
        self.assertEqual(await self.reply(recipients=[b"a\0Tb"]), "451 qqt failure (#4.3.0)")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        await self.assert_nothing_is_left()

    async def test_without_room_for_a_long_message_nothing_is_started(self):
        """What qmail-queue would say of its own disk."""
        programs = self.build(folder=f"{self.home}/nowhere")
        outcome = await self.hand(content=LONG, programs=programs)
        self.assertEqual(str(outcome.reply), "451 qq write error or disk full (#4.3.0)")
        self.assertIn("look at the setting folder", outcome.detail)
        await self.assert_nothing_is_left(programs)

    async def test_whatever_a_program_does_the_outcome_is_of_the_table_and_nothing_is_left(self):
        """A hundred programs that nobody has thought of, at once: no descriptor, no child, no message without an answer."""
        steps = (
            [
                "message",
                "envelope",
                "read:1",
                "read:70000",
                "close:0",
                "close:1",
                "close:2",
                "close:4",
                "child",
                "reader",
            ]
            + ["text:4:Dno", "text:6:Zno", "much:4", "much:6", "say:x", "store", "kill:9", "kill:15", "kill:19", "hang"]
            + [f"exit:{code}" for code in (0, 1, 11, 31, 54, 82, 88, 111, 120)]
        )
        chance = Random(1)
        programs = self.build(programs=10, line=1000, time_limit=2, in_memory=1000)
        outcomes = await gatherResults(
            [
                self.hand(
                    " ".join(chance.choices(steps, k=chance.randrange(6))) or "exit:0",
                    chance.choice((b"", b"short\n", LONG)),
                    programs=programs,
                    says=True,
                    error_fd=chance.choice((b"", b"2", b"5")),
                )
                for _ in range(100)
            ]
        )
        table = {reply_of(code) for code in range(256)} | {
            reply for reply in vars(queue_exits).values() if isinstance(reply, type(reply_of(1)))
        }
        for outcome in outcomes:
            if isinstance(outcome, Declined) and outcome.reply not in table:
                self.assertRegex(str(outcome.reply), "^(554|451) (no|x+)$")
            else:
                self.assertIsInstance(outcome, Declined | HandedOver)
        await self.assert_nothing_is_left(programs)
