"""The group commit: what it promises holds through power cuts and through every failure of the disk."""

import errno
from collections.abc import Iterator, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.delivery.filesystem import Kept
from twistedmx.delivery.maildir import Layout, Names
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored
from twistedmx.testing.disk import FakeDisk, PowerCut

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
MAILDIRS = ("/mail/a", "/mail/b", "/home/c/Maildir", "/home/d/Maildir")
# The lines of the table in twistedmx.delivery.filesystem.
KEPT = (
    Kept(),
    Kept(nameless=True),
    Kept(nameless=True, name_with_file=True),
    Kept(nameless=True, name_with_file=True, in_order=True),
)
OWNERS = {"/home/c/Maildir": "c", "/home/d/Maildir": "d"}


class Message:
    """What a test delivers: its number tells it apart, in all its copies."""

    def __init__(self, number: int, maildirs: Sequence[str], *, spilt: int = 0, length: int = 20) -> None:
        self.copies = [
            Copy(maildir=maildir, trace=b"Message: %d, copy %d\n" % (number, place), owner=OWNERS.get(maildir, ""))
            for place, maildir in enumerate(maildirs)
        ]
        self.content = b"content of %d " % number + b"x" * length
        self.spilt = spilt
        self.draft = Draft(self.copies)

    @property
    def wholes(self) -> list[bytes]:
        return [copy.trace + self.content for copy in self.copies]


class Host:
    """A disk, in the hands of the server and of two users, and a group commit on it. `without`: users nobody can write for."""

    def __init__(self, kept: Kept = KEPT[1]) -> None:
        self.time = 1e9
        self.disk = FakeDisk(now=lambda: self.time, nameless=kept.nameless, kept=kept)
        self.disks = {owner: self.disk.as_seen_by(owner) for owner in OWNERS.values()}
        self.without: set[str] = set()
        self.commit = GroupCommit(
            disk=self.disk,
            disk_of=self.disk_of,
            layout=Layout(now=lambda: self.time),
            tally=Tally(now=lambda: self.time),
            names=Names(now=lambda: self.time, chance=Random(1), host="mx.example", pid=lambda: 1),
        )

    def disk_of(self, owner: str) -> FakeDisk:
        if owner in self.without:
            raise OSError(errno.EPERM, "nobody can write for this user")
        return self.disks[owner]

    def deliver(self, batch: Sequence[Message]) -> list[Outcome]:
        return self.commit.commit(self.begun(batch))

    def begun(self, batch: Sequence[Message]) -> list[tuple[Draft, Sequence[bytes]]]:
        """What is spilt of each is written; what is not, comes with its commit."""
        rests = []
        for message in batch:
            step = len(message.content) // (message.spilt + 1)
            for part in range(message.spilt):
                self.commit.spill(message.draft, (message.content[part * step : (part + 1) * step],))
            rests.append((message.draft, (message.content[step * message.spilt :],)))
        return rests

    def stream(self, batches: Sequence[Sequence[Message]]) -> Iterator[tuple[Message, Outcome]]:
        """Deliver one batch while the one before is under way; each outcome as it comes."""
        messages = {message.draft: message for batch in batches for message in batch}
        for batch in (*batches, ()):
            for draft, outcome in self.commit.advance(self.begun(batch)):
                yield messages[draft], outcome


def in_new(disk: FakeDisk) -> list[bytes]:
    """All files readers see."""
    return [disk.read(f"{maildir}/new/{name}") for maildir in MAILDIRS for name in disk.names(f"{maildir}/new")]


MESSAGES = st.builds(
    lambda maildirs, spilt: (maildirs, spilt),
    st.lists(st.sampled_from(MAILDIRS), min_size=1, max_size=4),
    st.integers(0, 2),
)
BATCHES = st.lists(st.lists(MESSAGES, min_size=1, max_size=4), min_size=1, max_size=3)


def build(batches: Sequence[Sequence[tuple[Sequence[str], int]]]) -> list[list[Message]]:
    numbers = iter(range(1000))
    return [[Message(next(numbers), maildirs, spilt=spilt) for maildirs, spilt in batch] for batch in batches]


class CommitTests(SynchronousTestCase):
    """Without faults."""

    def test_each_copy_is_whole_and_nothing_else_is_left(self) -> None:
        """Content once per copy, under its own trace; no file in tmp, no descriptor."""
        for nameless in (True, False):
            host = Host(KEPT[nameless])
            messages = [Message(1, MAILDIRS, spilt=2), Message(2, ("/mail/a", "/mail/a"))]
            outcomes = host.deliver(messages)
            for message, outcome in zip(messages, outcomes, strict=True):
                assert isinstance(outcome, Stored), outcome
                self.assertEqual([host.disk.read(path) for path in outcome.paths], message.wholes)
            self.assertEqual(len(in_new(host.disk)), 6)
            self.assertEqual([host.disk.names(f"{maildir}/tmp") for maildir in MAILDIRS], [[]] * len(MAILDIRS))
            self.assertEqual(host.disk.open_files, 0)

    def test_the_size_in_the_name_is_the_size_of_the_file(self) -> None:
        """A wrong one breaks Dovecot's quota, and its reading."""
        host = Host()
        (outcome,) = host.deliver([Message(1, MAILDIRS, spilt=1, length=12345)])
        assert isinstance(outcome, Stored), outcome
        for path in outcome.paths:
            self.assertTrue(path.endswith(f",S={len(host.disk.read(path))}"), path)

    def test_all_are_written_before_the_first_is_synced_and_synced_before_the_first_has_its_name(self) -> None:
        """It is what makes a batch cheaper than its messages."""
        for kept in KEPT:
            host = Host(kept)
            host.deliver([Message(0, ("/mail/a",))])
            begun = len(host.disk.calls)
            host.deliver([Message(number, ("/mail/a",)) for number in range(3)])
            names = ["sync_name"] * 3 if kept.name_with_file else ["sync_directory"]
            self.assertEqual(
                [call[0] for call in host.disk.calls[begun:]],
                ["create", "write"] * 3 + ["sync"] * 3 + ["publish"] * 3 + names + ["close"] * 3,
            )

    def test_the_names_of_one_batch_are_synced_with_the_files_of_the_next(self) -> None:
        """The disk is waited for once in a turn, and no name is given before its own octets are safe."""
        for kept in KEPT:
            host = Host(kept)
            host.deliver([Message(0, ("/mail/a",))])
            begun = len(host.disk.calls)
            ended = [message for message, _ in host.stream([[one] for one in map(self.message, range(3))])]
            self.assertEqual(
                [message.wholes[0][:10] for message in ended], [b"Message: 0", b"Message: 1", b"Message: 2"]
            )
            name = "sync_name" if kept.name_with_file else "sync_directory"
            write = ["create", "write", "sync"]
            self.assertEqual(
                [call[0] for call in host.disk.calls[begun:]],
                [*write, "publish", *[*write, name, "close", "publish"] * 2, name, "close"],
            )

    def message(self, number: int) -> Message:
        return Message(number, ("/mail/a",))

    def test_a_message_that_failed_is_told_before_those_that_go_on(self) -> None:
        """It has nothing to wait for; the others have."""
        host = Host()
        wrong, right = Message(1, ("/mail/a",)), Message(2, ("/mail/a",))
        wrong.draft.aborted = True
        ended = host.commit.advance(host.begun([wrong, right]))
        self.assertEqual([draft for draft, _ in ended], [wrong.draft])
        self.assertTrue(host.commit.under_way)
        self.assertEqual([draft for draft, _ in host.commit.advance(())], [right.draft])
        self.assertFalse(host.commit.under_way)

    def test_each_copy_is_a_file_of_its_owner(self) -> None:
        """A user can neither read nor remove mail that is not hers; and the server must not touch hers as itself."""
        for nameless in (True, False):
            host = Host(KEPT[nameless])
            message = Message(1, MAILDIRS, spilt=1)
            (outcome,) = host.deliver([message])
            assert isinstance(outcome, Stored), outcome
            self.assertEqual([host.disk.owner(path) for path in outcome.paths], ["", "", "c", "d"])
            self.assertEqual([host.disk.read(path) for path in outcome.paths], message.wholes)

    def test_a_user_nobody_can_write_for_fails_that_message_alone(self) -> None:
        """The mail of all others goes on; what was begun of this one is taken away."""
        host = Host(KEPT[0])
        host.without = {"c"}
        batch = [Message(1, ("/mail/a", "/home/c/Maildir")), Message(2, ("/mail/a",)), Message(3, ("/home/d/Maildir",))]
        outcomes = host.deliver(batch)
        self.assertEqual([type(outcome) for outcome in outcomes], [Failed, Stored, Stored])
        self.assertEqual(in_new(host.disk), batch[1].wholes + batch[2].wholes)
        self.assertEqual((host.disk.open_files, host.disk.names("/mail/a/tmp")), (0, []))

    def test_a_message_given_up_before_its_batch_leaves_nothing(self) -> None:
        """Its peer is gone and will send it again."""
        for spilt in (0, 1):
            host = Host(KEPT[0])
            gone, other = Message(1, ("/mail/a",), spilt=spilt), Message(2, ("/mail/a",))
            gone.draft.aborted = True
            outcomes = host.deliver([gone, other])
            self.assertIsInstance(outcomes[0], Failed)
            self.assertEqual(in_new(host.disk), other.wholes)
            self.assertEqual((host.disk.open_files, host.disk.names("/mail/a/tmp")), (0, []))

    def test_those_whose_commit_never_comes_are_discarded(self) -> None:
        """At the end of the process, sessions are in the middle of messages."""
        host = Host(KEPT[0])
        draft = Draft([Copy(maildir="/mail/a", trace=b"")])
        host.commit.spill(draft, (b"part",))
        host.commit.discard_all()
        self.assertEqual((host.disk.open_files, host.disk.names("/mail/a/tmp")), (0, []))

    def test_a_maildir_that_vanished_is_made_again(self) -> None:
        """The user was removed and came back, or the disk was changed."""
        host = Host()
        host.deliver([Message(1, ("/mail/a",))])
        host.disk.remove_tree("/mail/a")
        (outcome,) = host.deliver([Message(2, ("/mail/a",))])
        self.assertIsInstance(outcome, Stored)

    def test_a_maildir_without_new_or_tmp_is_made_whole_again(self) -> None:
        """Half a Maildir heals, and the message that found it so is not refused."""
        for kept in KEPT:
            for folder in ("new", "tmp", "cur"):
                host = Host(kept)
                host.deliver([Message(1, ("/mail/a",))])
                host.disk.remove_tree(f"/mail/a/{folder}")
                (outcome,) = host.deliver([Message(2, ("/mail/a",))])
                self.assertIsInstance(outcome, Stored)

    def test_a_new_that_goes_away_while_a_message_is_written_is_made_again(self) -> None:
        """The owner tidies up at any moment."""
        for kept in KEPT:
            host = Host(kept)
            host.deliver([Message(1, ("/mail/a",))])
            host.disk.before_call = lambda method, host=host: (
                host.disk.remove_tree("/mail/a/new") if method == "sync" else None
            )
            message = Message(2, ("/mail/a",))
            (outcome,) = host.deliver([message])
            assert isinstance(outcome, Stored), outcome
            self.assertEqual(host.disk.power_cut(names=False, octets=False).read(outcome.paths[0]), message.wholes[0])

    def test_a_taken_name_is_not_replaced_and_another_is_found(self) -> None:
        """Chance may repeat itself; mail must not disappear under other mail."""
        host, twin = Host(), Host()
        (outcome,) = twin.deliver([Message(1, ("/mail/a",))])
        assert isinstance(outcome, Stored), outcome
        host.disk.make_directories("/mail/a/new")
        file = host.disk.create("/mail/a", "")
        host.disk.publish(file, outcome.paths[0])
        host.disk.close(file)
        (outcome,) = host.deliver([Message(1, ("/mail/a",))])
        self.assertIsInstance(outcome, Stored)
        self.assertEqual(len(in_new(host.disk)), 2)

    def test_a_fault_of_ours_is_logged_and_is_one_messages_alone(self) -> None:
        """The other peers of the batch must not pay for it."""
        host = Host()
        wrong, right = Message(1, ("/mail/a",)), Message(2, ("/mail/a",))
        host.disk.write = lambda file, blocks, write=host.disk.write: (  # type: ignore[method-assign]
            write(file, blocks) if b"Message: 1," not in blocks[0] else [][0]
        )
        outcomes = host.deliver([wrong, right])
        self.assertIsInstance(outcomes[0], Failed)
        self.assertIsInstance(outcomes[1], Stored)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)
        self.assertEqual(host.disk.open_files, 0)


class PowerCutTests(SynchronousTestCase):
    """250 survives it."""

    @settings(deadline=None, max_examples=60)
    @given(batches=BATCHES, kept=st.sampled_from(KEPT), where=st.floats(0, 1))
    def test_what_was_told_as_stored_is_there_and_nothing_is_torn(
        self, batches: list[list[tuple[list[str], int]]], kept: Kept, where: float
    ) -> None:
        """The one promise of this package, at every moment, whatever the disk did of what it was not asked to sync.

        Of the batches each is written while the one before it is under way.
        """
        rehearsal = Host(kept)
        list(rehearsal.stream(build(batches)))
        host = Host(kept)
        host.disk.cut_at(int(where * (len(rehearsal.disk.calls) + 1)))
        sent, promised = build(batches), []
        try:
            for message, outcome in host.stream(sent):
                assert isinstance(outcome, Stored), outcome
                promised += list(zip(outcome.paths, message.wholes, strict=True))
        except PowerCut:
            pass
        wholes = {whole for batch in sent for message in batch for whole in message.wholes}
        for names in (False, True):
            for octets in (False, True):
                found = host.disk.power_cut(names=names, octets=octets)
                for path, whole in promised:
                    self.assertEqual(found.read(path), whole)
                self.assertLessEqual(set(in_new(found)), wholes)


_HARMLESS = ("list_stale", "remove", "discard", "close", "add_to_maildirsize")


class FaultTests(SynchronousTestCase):
    """Every call may fail, and does."""

    def batch(self) -> list[Message]:
        return [
            Message(1, ("/mail/a",)),
            Message(2, ("/mail/b", "/mail/a", "/mail/b"), spilt=2),
            Message(3, ("/home/c/Maildir",)),
            Message(4, ("/home/d/Maildir", "/home/c/Maildir"), spilt=1),
        ]

    def check(self, host: Host, batch: Sequence[Message], outcomes: Sequence[Outcome], number: int) -> list[Message]:
        """Nothing is left of what failed, all of what was stored is there. The failed messages."""
        failed, wholes = [], []
        for message, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Stored):
                wholes += message.wholes
            else:
                self.assertIsInstance(outcome, NoSpace if number in (errno.ENOSPC, errno.EDQUOT) else Failed)
                failed.append(message)
        self.assertEqual(sorted(in_new(host.disk)), sorted(wholes))
        self.assertEqual(host.disk.open_files, 0)
        self.assertEqual([host.disk.names(f"{maildir}/tmp") for maildir in MAILDIRS], [[]] * len(MAILDIRS))
        found = host.disk.power_cut(names=False, octets=False)
        self.assertLessEqual(set(wholes), set(in_new(found)))
        return failed

    def test_one_failed_call_is_one_messages_failure_and_leaves_nothing(self) -> None:
        """A mailbox over its quota must not defer the mail of others, nor half a message be delivered."""
        for kept in KEPT:
            rehearsal = Host(kept)
            rehearsal.deliver(self.batch())
            for call, (method, *_) in enumerate(rehearsal.disk.calls):
                for number in ERRORS:
                    for done in (False, True):
                        host, batch = Host(kept), self.batch()
                        host.disk.fail(call, number, done=done)
                        failed = self.check(host, batch, host.deliver(batch), number)
                        if method in _HARMLESS:
                            self.assertEqual(failed, [], f"{method} {call}")
                        elif method == "sync_directory" and failed:
                            self.assertLessEqual(len(failed), 2)  # both in one folder
                        else:
                            self.assertEqual(len(failed), 1, f"{method} {call}")

    def test_a_failed_call_fails_nothing_of_the_batch_that_is_under_way_beside_it(self) -> None:
        """Two batches share the waiting, and nothing else: each has its own answers."""
        for kept in KEPT:
            rehearsal, batches = Host(kept), self.two()
            list(rehearsal.stream(batches))
            for call, (method, *_) in enumerate(rehearsal.disk.calls):
                for number in ERRORS:
                    host, batches = Host(kept), self.two()
                    host.disk.fail(call, number)
                    ended = dict(host.stream(batches))
                    messages = [message for batch in batches for message in batch]
                    failed = self.check(host, messages, [ended[message] for message in messages], number)
                    if method in _HARMLESS:
                        self.assertEqual(failed, [], f"{method} {call}")
                    elif method == "sync_directory" and failed:
                        self.assertIn(failed, [[one] for one in messages] + [batches[0][:2], batches[0][2:]])
                    else:
                        self.assertEqual(len(failed), 1, f"{method} {call}")

    def two(self) -> list[list[Message]]:
        """Batches, into the same Maildirs."""
        return [
            self.batch(),
            [Message(5, ("/mail/a",), spilt=1), Message(6, ("/home/c/Maildir", "/mail/b"))],
        ]

    def test_a_disk_that_stays_broken_fails_all_that_come_after_and_loses_nothing_promised(self) -> None:
        """Read-only, or full, from one call on: the worst is a message that comes twice, never one that does not."""
        rehearsal = Host()
        rehearsal.deliver(self.batch())
        for call in range(len(rehearsal.disk.calls) + 1):
            for number in ERRORS:
                host, batch = Host(), self.batch()
                host.disk.fail_from(call, number)
                outcomes = host.deliver(batch)
                later = host.deliver(self.batch())
                self.assertFalse([outcome for outcome in later if isinstance(outcome, Stored)])
                self.assertEqual(host.disk.open_files, 0)
                found = host.disk.power_cut(names=False, octets=False)
                for message, outcome in zip(batch, outcomes, strict=True):
                    if isinstance(outcome, Stored):
                        self.assertEqual([found.read(path) for path in outcome.paths], message.wholes)

    def test_a_name_that_cannot_be_taken_back_is_in_the_detail(self) -> None:
        """It explains the message that came twice."""
        host = Host()
        host.deliver([Message(0, ("/mail/a",))])
        begun = len(host.disk.calls)
        host.disk.fail_from(begun + 4, errno.EROFS)
        (outcome,) = host.deliver([Message(1, ("/mail/a",))])
        assert isinstance(outcome, Failed), outcome
        self.assertIn("could not be taken back", outcome.detail)

    def test_after_a_failed_spill_the_rest_costs_no_call(self) -> None:
        """A full disk is not asked sixty times for one message."""
        host, message = Host(), Message(1, ("/mail/a",))
        host.disk.fail_from(0, errno.ENOSPC)
        host.commit.spill(message.draft, (b"part",))
        calls = len(host.disk.calls)
        host.commit.spill(message.draft, (b"part",))
        (outcome,) = host.commit.commit([(message.draft, (b"rest",))])
        self.assertIsInstance(outcome, NoSpace)
        self.assertEqual(len(host.disk.calls), calls)


class QuotaTests(SynchronousTestCase):
    """Maildir++ quotas are kept up, and never in the way."""

    def host(self) -> Host:
        """With a quota in a Maildir of the server's and in one of a user's."""
        host = Host()
        host.deliver([Message(0, MAILDIRS)])
        host.time += 60
        host.disk.put("/mail/a/maildirsize", b"1000000S\n")
        host.disks["c"].put("/home/c/Maildir/maildirsize", b"2000000S\n")
        return host

    def test_every_copy_that_is_safe_is_a_line_in_its_maildirsize(self) -> None:
        """The octets of the file, trace included: what `ls` says, and the name."""
        host = self.host()
        message = Message(1, ("/mail/a", "/home/c/Maildir", "/mail/b", "/mail/a"))
        (outcome,) = host.deliver([message])
        self.assertIsInstance(outcome, Stored)
        sizes = [len(whole) for whole in message.wholes]
        self.assertEqual(host.disk.read("/mail/a/maildirsize"), b"1000000S\n%d 1\n%d 1\n" % (sizes[0], sizes[3]))
        self.assertEqual(host.disk.read("/home/c/Maildir/maildirsize"), b"2000000S\n%d 1\n" % sizes[1])
        self.assertNotIn("maildirsize", host.disk.names("/mail/b"))

    def test_a_message_that_failed_is_no_line(self) -> None:
        """A quota that counts what is not there refuses mail for nothing."""
        host, rehearsal = self.host(), self.host()
        begun = len(host.disk.calls)
        rehearsal.deliver([Message(1, ("/mail/a",))])
        call = rehearsal.disk.calls.index(("sync_directory", "/mail/a/new"), begun)
        host.disk.fail(call, errno.EIO)
        (outcome,) = host.deliver([Message(1, ("/mail/a",))])
        self.assertIsInstance(outcome, Failed)
        self.assertEqual(host.disk.read("/mail/a/maildirsize"), b"1000000S\n")

    def test_a_line_that_cannot_be_written_fails_no_message(self) -> None:
        """The message is safe; to say otherwise would bring it twice."""
        host = self.host()
        rehearsal = self.host()
        rehearsal.deliver([Message(1, ("/mail/a",))])
        call = len(rehearsal.disk.calls) - 1
        self.assertEqual(rehearsal.disk.calls[call][0], "add_to_maildirsize")
        host.disk.fail(call, errno.EDQUOT)
        (outcome,) = host.deliver([Message(1, ("/mail/a",))])
        self.assertIsInstance(outcome, Stored)

    def test_a_maildir_without_quota_is_asked_twice_a_minute(self) -> None:
        """Most have none, and must not pay for those that do."""
        host = Host()
        for _ in range(5):
            host.deliver([Message(1, ("/mail/a",))])
        self.assertEqual(host.disk.calls.count(("add_to_maildirsize", "/mail/a")), 1)
        host.time += 31
        host.deliver([Message(1, ("/mail/a",))])
        self.assertEqual(host.disk.calls.count(("add_to_maildirsize", "/mail/a")), 2)

    def test_a_disk_that_knows_no_maildirsize_is_not_asked(self) -> None:
        """The port does not demand it."""
        tally = Tally(now=lambda: 0.0)
        tally.add(object(), "/mail/a", 1)

    def test_the_memory_of_maildirs_without_quota_is_bounded(self) -> None:
        """A million users are no leak."""
        self.patch(__import__("twistedmx.delivery.tally", fromlist=["x"]), "_REMEMBERED", 2)
        tally = Tally(now=lambda: 0.0)
        for name in "abc":
            tally.add(FakeDisk(), f"/mail/{name}", 1)
        self.assertEqual(list(tally._without), ["/mail/c"])
