"""The group commit: a batch of messages in, an outcome for each out, and a power cut in between loses nothing promised.

| after          | on the disk                       | a power cut leaves                                |
|----------------|-----------------------------------|---------------------------------------------------|
| write, copy    | files without a name, or in `tmp` | nothing, or a file in `tmp` which is swept later  |
| sync of files  | the same, octets safe, or in order| the same                                          |
| publish        | names in `new`, perhaps           | whole messages, or nothing, copy by copy          |
| sync of names  | all of it                         | every copy: now the outcome is Stored             |

The two syncs are each one call of the disk for the whole batch. "In order" is a file system whose journal cannot bring a
name without the octets that came before it (`filesystem` has the table, and the reasons): there the first sync only waits,
and the second makes all safe with one commit of the journal.

A message's failure is its own: its files go, and the names it has. Each copy is written with the disk of its owner. What
is safe is added to the Maildir's quota, if it keeps one. No threads here, no waiting, no retries.

BUGS: every copy of a message is an open file until all are safe: one to more mailboxes than the process may open
files (RLIMIT_NOFILE) fails each time. A reader of the Maildir sees a message some milliseconds before its outcome is
decided, and may take one that then fails; its sender tries again and it comes twice. So it does when the power is cut
after Failed was told for a directory that could not be synced, or when a name cannot be taken back (it is in the
outcome's detail then).
"""

import errno
from collections.abc import Callable, Sequence
from functools import partial

from twisted.logger import Logger

from twistedmx.delivery.maildir import NEW, Layout, Names
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored
from twistedmx.ports import Disk, File

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NAMES_TRIED = 3  # a second one is a wonder; a third says that the disk, not chance, is at fault


class Draft:
    """One message as the writer's side knows it: what it is on the disk so far.

    `octets`: of content written. `files`: open, each with its disk, in the order of the copies. `paths`: published, in the
    same order. `failure`: why it will not be. `aborted`: set from the other side at any time; heeded until the message is
    in a batch.
    """

    __slots__ = ("aborted", "copies", "failure", "files", "octets", "paths")

    def __init__(self, copies: Sequence[Copy]) -> None:
        self.copies = copies
        self.octets = 0
        self.files: list[tuple[Disk, File]] = []
        self.paths: list[str] = []
        self.failure: NoSpace | Failed | None = None
        self.aborted = False


class GroupCommit:
    """Used by one thread at a time, with all that it is given.

    `disk`: for the server's own files. `disk_of`: the disk of another owner; raises OSError where there is none.
    """

    _log = Logger()

    def __init__(
        self, *, disk: Disk, disk_of: Callable[[str], Disk], layout: Layout, names: Names, tally: Tally
    ) -> None:
        self._disk = disk
        self._disk_of = disk_of
        self._layout = layout
        self._names = names
        self._tally = tally
        self._unfinished: set[Draft] = set()  # those with a file before their commit

    def spill(self, draft: Draft, blocks: Sequence[bytes]) -> None:
        """Write a part of the content ahead of the commit. Never raises: a failure is the draft's."""
        if draft.failure is not None:
            return
        self._unfinished.add(draft)
        try:
            self._write(draft, blocks)
            disk, file = draft.files[0]
            disk.start_writeback(file)
        except Exception as error:
            self.fail(draft, error)

    def commit(self, batch: Sequence[tuple[Draft, Sequence[bytes]]]) -> list[Outcome]:
        """Write the rest of the content of each, and make all safe. Outcomes in the order of the batch. Never raises."""
        for draft, blocks in batch:
            if draft.aborted and draft.failure is None:
                self.discard(draft)
                draft.failure = Failed(detail="given up by the session")
            if draft.failure is None:
                try:
                    self._write(draft, blocks)
                except Exception as error:
                    self.fail(draft, error)
        drafts = [draft for draft, _ in batch]
        # Step by step over the whole batch, not message by message: the disk is asked once for all, and waited for twice.
        self._each(drafts, self._copy)
        self._sync(drafts)
        self._each(drafts, self._publish)
        self._sync_names(drafts)
        return [draft.failure or self._finish(draft) for draft in drafts]

    def _each(self, drafts: Sequence[Draft], step: Callable[[Draft], None]) -> None:
        for draft in drafts:
            if draft.failure is None:
                try:
                    step(draft)
                except Exception as error:
                    self.fail(draft, error)

    def discard(self, draft: Draft) -> None:
        """Leave nothing of it. Never raises."""
        self._unfinished.discard(draft)
        files, draft.files = draft.files, []
        for disk, file in files:
            disk.discard(file)

    def discard_all(self) -> None:
        """Leave nothing of those whose commit will never come."""
        for draft in list(self._unfinished):
            self.discard(draft)

    def fail(self, draft: Draft, error: Exception) -> None:
        """Leave nothing of it, and remember why. Never raises."""
        detail = str(error) or type(error).__name__
        if not isinstance(error, OSError):
            self._log.failure("A message for {maildir} failed by a fault of ours", maildir=draft.copies[0].maildir)
        published = [(disk, path) for (disk, _), path in zip(draft.files, draft.paths, strict=False)]
        draft.paths = []
        self.discard(draft)
        for disk, path in published:
            try:
                disk.remove(path)
            except OSError as worse:
                detail += f"; {path} could not be taken back: {worse}"
        detail += f" (first copy: {draft.copies[0].maildir})"
        full = isinstance(error, OSError) and error.errno in _FULL
        draft.failure = NoSpace(detail=detail) if full else Failed(detail=detail)

    def _write(self, draft: Draft, blocks: Sequence[bytes]) -> None:
        if draft.files:
            disk, file = draft.files[0]
            disk.write(file, blocks)
        else:
            copy = draft.copies[0]
            disk = self._disk_of(copy.owner) if copy.owner else self._disk
            file = self._create(disk, copy.maildir)
            draft.files.append((disk, file))
            disk.write(file, (copy.trace, *blocks))
        draft.octets += sum(map(len, blocks))

    def _create(self, disk: Disk, maildir: str) -> File:
        self._layout.prepare(disk, maildir)
        try:
            return disk.create(maildir, self._names.next())
        except FileNotFoundError:
            self._make_again(disk, maildir)
        except FileExistsError:
            pass
        return disk.create(maildir, self._names.next())

    def _make_again(self, disk: Disk, maildir: str) -> None:
        """It, or a folder of it, was taken away since we last looked."""
        self._layout.forget(maildir)
        self._layout.prepare(disk, maildir)

    def _copy(self, draft: Draft) -> None:
        first = draft.copies[0]
        for copy in draft.copies[1:]:
            disk = self._disk_of(copy.owner) if copy.owner else self._disk
            file = self._create(disk, copy.maildir)
            draft.files.append((disk, file))
            disk.write(file, (copy.trace,))
            disk.copy(draft.files[0][1], len(first.trace), file)

    def _sync(self, drafts: Sequence[Draft]) -> None:
        files = [(draft, file) for draft in drafts if draft.failure is None for _, file in draft.files]
        self._heed(files, lambda: self._disk.sync([file for _, file in files]))

    def _heed(self, asked: Sequence[tuple[Draft, object]], ask: Callable[[], Sequence[OSError | None]]) -> None:
        """Fail those whose answer is an error."""
        if not asked:
            return
        try:
            answers: Sequence[Exception | None] = ask()
        except Exception as error:
            answers = [error] * len(asked)
        for (draft, _), answer in zip(asked, answers, strict=True):
            if answer is not None and draft.failure is None:
                self.fail(draft, answer)

    def _publish(self, draft: Draft) -> None:
        for copy, (disk, file) in zip(draft.copies, draft.files, strict=True):
            self._publish_one(draft, copy, disk, file)

    def _publish_one(self, draft: Draft, copy: Copy, disk: Disk, file: File) -> None:
        octets = len(copy.trace) + draft.octets
        for attempt in range(1, _NAMES_TRIED + 1):
            path = f"{copy.maildir}/{NEW}/{self._names.next_sized(octets)}"
            try:
                disk.publish(file, path)
            except (FileExistsError, FileNotFoundError) as error:
                if attempt == _NAMES_TRIED:
                    raise
                if isinstance(error, FileNotFoundError):
                    self._make_again(disk, copy.maildir)
            except BaseException:
                draft.paths.append(path)  # it may be there: to be removed
                raise
            else:
                draft.paths.append(path)
                return

    def _sync_names(self, drafts: Sequence[Draft]) -> None:
        by_disk: dict[Disk, list[tuple[Draft, tuple[File, str]]]] = {}
        for draft in drafts:
            if draft.failure is None:
                for (disk, file), path in zip(draft.files, draft.paths, strict=True):
                    by_disk.setdefault(disk, []).append((draft, (file, path)))
        for disk, asked in by_disk.items():
            self._heed(asked, partial(disk.sync_names, [published for _, published in asked]))

    def _finish(self, draft: Draft) -> Stored:
        self._unfinished.discard(draft)
        for disk, file in draft.files:
            try:
                disk.close(file)
            except OSError as error:
                # All is synced: what closing complains of is not about this message.
                self._log.warn("Closing a delivered message said {error}", error=error)
        for copy, (disk, _) in zip(draft.copies, draft.files, strict=True):
            if self._tally.wants(copy.maildir):
                self._tally.add(disk, copy.maildir, len(copy.trace) + draft.octets)
        draft.files = []
        return Stored(paths=tuple(draft.paths))
