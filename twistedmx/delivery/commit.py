"""The group commit: batches of messages in, an outcome for each out, and a power cut in between loses nothing promised.

| after          | on the disk                       | a power cut leaves                                |
|----------------|-----------------------------------|---------------------------------------------------|
| write, copy    | files without a name, or in `tmp` | nothing, or a file in `tmp` which is swept later  |
| sync of files  | the same, octets safe, or in order| the same                                          |
| publish        | names in `new`, perhaps           | whole messages, or nothing, copy by copy          |
| sync of names  | all of it                         | every copy: now the outcome is Stored             |

Two batches are under way at a time: while the names of one are synced, so are the files of the next. `advance` writes a batch,
waits once for both, brings the earlier one to its end, and publishes the later one. For each message the order is that of the
table, and what two batches share is the waiting alone. "In order" is a file system whose journal cannot bring a name without
the octets that came before it (`filesystem` has the table, and the reasons): there the sync of files only waits, and that of
names makes all safe with one commit of the journal.

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

from twisted.logger import Logger

from twistedmx.delivery.maildir import NEW, Layout, Names
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored
from twistedmx.ports import Disk, File

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NAMES_TRIED = 3  # a second one is a wonder; a third says that the disk, not chance, is at fault


class Part:
    """One copy of a message on the disk. `name`: nobody else's. `path`: in `new`; "" while it is not published."""

    __slots__ = ("copy", "disk", "file", "name", "path")

    def __init__(self, copy: Copy, disk: Disk, file: File, name: str) -> None:
        self.copy = copy
        self.disk = disk
        self.file = file
        self.name = name
        self.path = ""


class Draft:
    """One message as the writer's side knows it: what it is on the disk so far.

    `octets`: of content written. `parts`: with open files, in the order of the copies; the first is there once anything was
    written. `failure`: why it will not be. `aborted`: set from the other side at any time; heeded until the message is in a
    batch.
    """

    __slots__ = ("aborted", "copies", "failure", "octets", "parts")

    def __init__(self, copies: Sequence[Copy]) -> None:
        self.copies = copies
        self.octets = 0
        self.parts: list[Part] = []
        self.failure: NoSpace | Failed | None = None
        self.aborted = False


Ended = list[tuple[Draft, Outcome]]


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
        self._published: list[Draft] = []  # their names are not synced yet

    @property
    def under_way(self) -> bool:
        """Whether a batch waits to be brought to its end."""
        return bool(self._published)

    def spill(self, draft: Draft, blocks: Sequence[bytes]) -> None:
        """Write a part of the content ahead of the commit. Never raises: a failure is the draft's."""
        if draft.failure is not None:
            return
        self._unfinished.add(draft)
        try:
            self._write(draft, blocks)
            first = draft.parts[0]
            first.disk.start_writeback(first.file)
        except Exception as error:
            self.fail(draft, error)

    def commit(self, batch: Sequence[tuple[Draft, Sequence[bytes]]]) -> list[Outcome]:
        """Write the rest of the content of each, and make all safe. Outcomes in the order of the batch. Never raises."""
        outcomes = dict(self.advance(batch) + self.advance(()))
        return [outcomes[draft] for draft, _ in batch]

    def advance(self, batch: Sequence[tuple[Draft, Sequence[bytes]]]) -> Ended:
        """Write the rest of the content of each, and bring what is under way to its end. Never raises.

        Returns the outcomes of the batch before, and of those in this one that have failed: the others are under way now.
        """
        before, self._published = self._published, []
        drafts = [draft for draft, _ in batch]
        # Step by step over the whole batch, not message by message: the disk is asked once for all, and waited for once.
        for draft, blocks in batch:
            self._begin(draft, blocks)
        self._each(drafts, self._copy)
        self._sync(drafts, before)
        ended: Ended = [(draft, draft.failure or self._finish(draft)) for draft in before]
        self._each(drafts, self._publish)
        for draft in drafts:
            if draft.failure is None:
                self._published.append(draft)
            else:
                ended.append((draft, draft.failure))
        return ended

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
        parts, draft.parts = draft.parts, []
        for part in parts:
            part.disk.discard(part.file)

    def discard_all(self) -> None:
        """Leave nothing of those whose commit will never come."""
        for draft in list(self._unfinished):
            self.discard(draft)

    def fail(self, draft: Draft, error: Exception) -> None:
        """Leave nothing of it, and remember why. Never raises."""
        detail = str(error) or type(error).__name__
        if not isinstance(error, OSError):
            self._log.failure("A message for {maildir} failed by a fault of ours", maildir=draft.copies[0].maildir)
        published = [part for part in draft.parts if part.path]
        self.discard(draft)
        for part in published:
            try:
                part.disk.remove(part.path)
            except OSError as worse:
                detail += f"; {part.path} could not be taken back: {worse}"
        detail += f" (first copy: {draft.copies[0].maildir})"
        full = isinstance(error, OSError) and error.errno in _FULL
        draft.failure = NoSpace(detail=detail) if full else Failed(detail=detail)

    def _begin(self, draft: Draft, blocks: Sequence[bytes]) -> None:
        if draft.failure is not None:
            return
        if draft.aborted:
            self.discard(draft)
            draft.failure = Failed(detail="given up by the session")
            return
        try:
            self._write(draft, blocks)
        except Exception as error:
            self.fail(draft, error)

    def _write(self, draft: Draft, blocks: Sequence[bytes]) -> None:
        if draft.parts:
            first = draft.parts[0]
            first.disk.write(first.file, blocks)
        else:
            first = self._create(draft, draft.copies[0])
            first.disk.write(first.file, (first.copy.trace, *blocks))
        draft.octets += sum(map(len, blocks))

    def _create(self, draft: Draft, copy: Copy) -> Part:
        """The file of one copy."""
        disk = self._disk_of(copy.owner) if copy.owner else self._disk
        maildir, name = copy.maildir, self._names.next()
        self._layout.prepare(disk, maildir)
        try:
            file = disk.create(maildir, name)
        except FileNotFoundError:
            self._make_again(disk, maildir)
            file = disk.create(maildir, name)
        except FileExistsError:
            name = self._names.next()
            file = disk.create(maildir, name)
        part = Part(copy, disk, file, name)
        draft.parts.append(part)
        return part

    def _make_again(self, disk: Disk, maildir: str) -> None:
        """It, or a folder of it, was taken away since we last looked."""
        self._layout.forget(maildir)
        self._layout.prepare(disk, maildir)

    def _copy(self, draft: Draft) -> None:
        for copy in draft.copies[1:]:
            part = self._create(draft, copy)
            first = draft.parts[0]
            part.disk.write(part.file, (copy.trace,))
            part.disk.copy(first.file, len(first.copy.trace), part.file)

    def _sync(self, drafts: Sequence[Draft], before: Sequence[Draft]) -> None:
        """The files of `drafts` and the names of `before`, at once where they are of one disk."""
        files = [(draft, part.file) for draft in drafts if draft.failure is None for part in draft.parts]
        names: dict[Disk, list[tuple[Draft, tuple[File, str]]]] = {self._disk: []}
        for draft in before:
            for part in draft.parts:
                names.setdefault(part.disk, []).append((draft, (part.file, part.path)))
        for disk, published in names.items():
            published = [(draft, each) for draft, each in published if draft.failure is None]  # at a disk asked before
            if files or published:
                self._ask(disk, files, published)
                files = []  # with the first, which may sync those of any owner

    def _ask(
        self, disk: Disk, files: Sequence[tuple[Draft, File]], published: Sequence[tuple[Draft, tuple[File, str]]]
    ) -> None:
        """Fail those whose answer is an error."""
        answers: Sequence[Exception | None]
        try:
            of_files, of_names = disk.sync([file for _, file in files], [each for _, each in published])
            answers = [*of_files, *of_names]
        except Exception as error:
            answers = [error] * (len(files) + len(published))
        for (draft, _), answer in zip((*files, *published), answers, strict=True):
            if answer is not None and draft.failure is None:
                self.fail(draft, answer)

    def _publish(self, draft: Draft) -> None:
        for part in draft.parts:
            self._publish_one(part, len(part.copy.trace) + draft.octets)

    def _publish_one(self, part: Part, octets: int) -> None:
        maildir, name = part.copy.maildir, part.name
        for attempt in range(1, _NAMES_TRIED + 1):
            path = f"{maildir}/{NEW}/{name},S={octets}"  # the size, which Dovecot and others then need not ask for
            try:
                part.disk.publish(part.file, path)
            except (FileExistsError, FileNotFoundError) as error:
                if attempt == _NAMES_TRIED:
                    raise
                if isinstance(error, FileNotFoundError):
                    self._make_again(part.disk, maildir)
                name = self._names.next()
            except BaseException:
                part.path = path  # it may be there: to be removed
                raise
            else:
                part.path = path
                return

    def _finish(self, draft: Draft) -> Stored:
        self._unfinished.discard(draft)
        parts, draft.parts = draft.parts, []
        for part in parts:
            try:
                part.disk.close(part.file)
            except OSError as error:
                # All is synced: what closing complains of is not about this message.
                self._log.warn("Closing a delivered message said {error}", error=error)
        for part in parts:
            if self._tally.wants(part.copy.maildir):
                self._tally.add(part.disk, part.copy.maildir, len(part.copy.trace) + draft.octets)
        return Stored(paths=tuple([part.path for part in parts]))
