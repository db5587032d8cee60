"""Messages for local users, from the session to `lspawn`: the content goes to a file without a name, and the dot is answered when
all recipients are done. There is no queue behind it: what fails now is the peer's to send again.

One answer stands for all recipients of a message, so one who fails would have the others get it twice. A recipient of whom we
cannot say that he has plain Maildirs therefore has a message of his own: further recipients of it hear 452 4.5.3.

BUGS: a write of content goes into the page cache in the reactor's thread, and waits where the disk of the spool cannot follow.
"""

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import IO, Any, Final

import attrs
from twisted.internet import defer

from twistedmx.model.storage import Declined, Failed, NoSpace, Outcome, Stored
from twistedmx.ports import Incoming
from twistedmx.qmail.account import Account
from twistedmx.qmail.dot_qmail import find_dot_qmail
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.endings import Bounced, Deferred, Delivered, Ending, together
from twistedmx.qmail.instructions import FORBIDDEN_BITS, LARGEST, BadInstructions, Maildir, check_home, parse_file
from twistedmx.qmail.lspawn_peer import LspawnPeer
from twistedmx.smtp.reply import Reply, reply

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BUFFER: Final = 65_536  # octets
_PROC: Final = "/proc/self/fd"


@attrs.frozen(kw_only=True)
class Recipient:
    """As qmail-send has it: of a virtual domain, `local` has its prefix already."""

    local: bytes
    host: bytes


_STATUS: Final = re.compile(r" *\(#([45]\.\d{1,3}\.\d{1,3})\)\.?$")


def reply_of(ending: Bounced | Deferred) -> Reply:
    """What the peer hears: the words that are for him, with the status that stands at their end, or else general ones."""
    code, general = (554, "5.3.0") if isinstance(ending, Bounced) else (451, "4.3.0")
    found = _STATUS.search(ending.said)
    enhanced = found[1] if found and found[1][0] == general[0] else general
    words = _STATUS.sub("", ending.said) if found else ending.said
    if words:
        return reply(code, enhanced, words)
    if isinstance(ending, Bounced):
        return reply(code, enhanced, "This address refused the message")
    return reply(code, enhanced, "The message cannot be delivered now; send it again later")


def outcome_of(ending: Ending) -> Outcome:
    """What the session is told. `ending`: of all recipients together."""
    if isinstance(ending, Delivered):
        return Stored(paths=())
    return Declined(reply=reply_of(ending), detail=ending.text, fault=isinstance(ending, Deferred))


class LocalDelivery:
    """`lspawn`: None where nothing is delivered, and only asked where it would go. `spool`: a folder for files without a name.
    `find`: whose mail a local part is, as users/assign has it; None where it does not say. `of_system`: the same of the accounts of
    the system, to be asked in a thread. Both raise CouldNotTell. `run_in_thread`: for what may hang; may raise CouldNotTell, as
    where that takes too long. `default_delivery`: as `lspawn` has it. `outcome_of`: makes of an ending what the session is told."""

    def __init__(
        self,
        *,
        lspawn: LspawnPeer | None,
        spool: str,
        find: Callable[[bytes], Account | None],
        of_system: Callable[[bytes], Account],
        run_in_thread: Callable[..., Awaitable[Any]],
        default_delivery: bytes,
        forbidden: int = FORBIDDEN_BITS,
        outcome_of: Callable[[Ending], Outcome] = outcome_of,
    ) -> None:
        self._lspawn = lspawn
        self._spool = spool
        self._find = find
        self._of_system = of_system
        self._run_in_thread = run_in_thread
        self._default_delivery = default_delivery
        self._forbidden = forbidden
        self._outcome_of = outcome_of

    async def are_plain(self, locals_: Sequence[bytes]) -> bool:
        """Whether their mail goes into Maildirs and nowhere else, as far as this server may see; False where it may not, or where
        that cannot be told in time. Reads some small files of each, in a thread. Never fails."""
        try:
            known = [(local, self._find(local)) for local in locals_]
            return bool(await self._run_in_thread(self._are_plain, known))
        except CouldNotTell:
            return False

    def _are_plain(self, known: Sequence[tuple[bytes, Account | None]]) -> bool:
        return all(self._is_plain(account or self._of_system(local)) for local, account in known)

    def _is_plain(self, account: Account) -> bool:
        """Raises CouldNotTell."""
        try:
            check_home(os.stat(account.home).st_mode, self._forbidden)
            found = find_dot_qmail(account.home, account.dash, account.extension)
            octets, mode = b"", 0
            if found is not None:
                with open(found.path, "rb") as file:
                    mode = os.fstat(file.fileno()).st_mode
                    octets = file.read(LARGEST + 1)
            elif account.dash:
                return False
            lines = parse_file(octets, mode, self._default_delivery, self._forbidden)
        except (BadInstructions, OSError):
            return False
        return all(isinstance(line, Maildir) for line in lines)

    async def place_of(self, local: bytes) -> Mapping[str, str]:
        """The `.qmail` file that says where its mail goes, or the home without one, and whose it is; or why that cannot be told."""
        try:
            place: Mapping[str, str] = await self._run_in_thread(self._place_of, local, self._find(local))
        except CouldNotTell as doubt:
            return {"maildir": f"? {doubt}", "owner": ""}
        return place

    def _place_of(self, local: bytes, known: Account | None) -> Mapping[str, str]:
        account = known or self._of_system(local)
        found = find_dot_qmail(account.home, account.dash, account.extension)
        path = account.home if found is None else found.path
        return {"maildir": os.fsdecode(path), "owner": os.fsdecode(account.user)}

    def open(
        self, recipients: Sequence[Recipient], *, sender: bytes, trace: bytes, beginning: int = 0
    ) -> "LocalArrival":
        """Begin a message with at least one recipient. `trace`: the Received line, above the content. `beginning`: as in
        `Acceptance.open`. Touches no disk, never raises."""
        if self._lspawn is None:
            raise RuntimeError("nobody delivers")
        return LocalArrival(
            recipients=recipients,
            sender=sender,
            trace=trace,
            wanted=beginning,
            spool=self._spool,
            lspawn=self._lspawn,
            outcome_of=self._outcome_of,
        )


class LocalArrival(Incoming):
    """One message on its way. Given up behind `commit`, it is delivered all the same where that has begun."""

    def __init__(
        self,
        *,
        recipients: Sequence[Recipient],
        sender: bytes,
        trace: bytes,
        wanted: int,
        spool: str,
        lspawn: LspawnPeer,
        outcome_of: Callable[[Ending], Outcome],
    ) -> None:
        self._recipients = tuple(recipients)
        self._sender = sender
        self._trace = trace
        self._wanted = wanted
        self._spool = spool
        self._lspawn = lspawn
        self._outcome_of = outcome_of
        self._first = b""
        self._file: IO[bytes] | None = None
        self._failure: NoSpace | Failed | None = None
        self._ended = False

    def write(self, block: bytes) -> Awaitable[None] | None:
        if self._ended or self._failure is not None:
            return None
        if len(self._first) < self._wanted:
            self._first += block[: self._wanted - len(self._first)]
        self._put(block)
        return None

    def commit(self) -> Awaitable[Outcome]:
        if self._ended:
            return defer.succeed(Failed(detail="given up by the session"))
        self._put(b"")
        self._ended = True
        if self._failure is not None:
            return defer.succeed(self._failure)
        asked = [
            self._lspawn.ask(local=one.local, host=one.host, sender=self._sender, message=self._open_again)
            for one in self._recipients
        ]
        gathered: defer.Deferred[list[Ending]] = defer.gatherResults(asked)
        return gathered.addCallback(self._done)

    def beginning(self) -> bytes:
        return self._first

    def abort(self) -> None:
        if not self._ended:
            self._ended = True
            self._close()

    def _done(self, endings: list[Ending]) -> Outcome:
        self._close()
        return self._outcome_of(together(endings))

    def _put(self, block: bytes) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._spool, buffering=_BUFFER)  # noqa: SIM115  # see _close
                self._file.write(self._trace)
            self._file.write(block)
            if not block:
                self._file.flush()
        except OSError as error:
            detail = f"the content cannot be kept in {self._spool}: {error}"
            self._failure = NoSpace(detail=detail) if error.errno in _FULL else Failed(detail=detail)
            self._close()

    def _open_again(self) -> int:
        """At a place of its own, and not for writing: the user's programs have it. Raises OSError."""
        if self._file is None:
            raise OSError(errno.EBADF, "the message is closed")
        return os.open(f"{_PROC}/{self._file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
