"""qmail-local: one message for one recipient, in the process and with the rights of the user who gets it.

The home is looked at, a loop is found, the `.qmail` file is read, and its lines are obeyed in order. Forwards are collected and
handed over together at the end. The first line that fails ends it: what was done above it stays done, as in qmail.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Final

import attrs

from twistedmx.delivery.paths import Paths
from twistedmx.qmail import into_maildir, mbox
from twistedmx.qmail.account import Account
from twistedmx.qmail.dot_qmail import find_dot_qmail, safe_extension
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.endings import Bounced, Deferred, Delivered, Ending, printable
from twistedmx.qmail.instructions import (
    FORBIDDEN_BITS,
    LARGEST,
    BadInstructions,
    Forward,
    ForwardsOnly,
    Line,
    Maildir,
    Mbox,
    Program,
    check_home,
    parse_file,
)
from twistedmx.qmail.program_environment import environment
from twistedmx.qmail.programs import Ran, run
from twistedmx.qmail.trace_lines import delivered_to, from_line, return_path

_NO_MAILBOX: Final = "Sorry, no mailbox here by that name. (#5.1.1)"
_LOOPS: Final = "This message is looping: it already has my Delivered-To line. (#5.4.6)"
_FAILED: Final = "A program that this address runs refused the message. (#5.3.0)"
_PIECE: Final = 65_536  # octets; a Delivered-To line of ours has some 2000 at most
_NO_FILE: Final = b""


@attrs.frozen(kw_only=True)
class Letter:
    """One message for one recipient. `message`: descriptor of an ordinary file, for us alone; where it stands does not matter.

    `local`, `host`: the recipient, as qmail-send has it: behind the "@" is `host`. `sender`: b"" for none.
    """

    local: bytes
    host: bytes
    sender: bytes
    message: int


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a delivery needs of the world.

    `forward`: takes sender, recipients, and a descriptor of the message. `now`: seconds since the epoch. `seconds`: monotonic.
    `wait`: lets so many pass. `deadline`: by `seconds`; programs are killed then. `names`: of new files in Maildirs.
    `path`: the variable PATH of programs. `before`: called in the process of each program. `forbidden`: as in `instructions`.
    """

    default_delivery: bytes
    forward: Callable[[bytes, Sequence[bytes], int], Ending]
    now: Callable[[], float]
    seconds: Callable[[], float]
    wait: Callable[[float], object]
    deadline: float
    names: Callable[[], str]
    path: bytes
    before: Callable[[], None] | None = None
    forbidden: int = FORBIDDEN_BITS


class _Ended(Exception):
    """Nothing more is to be done."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


def deliver(letter: Letter, account: Account, surroundings: Surroundings) -> Ending:
    """Do all that the recipient wants done with it. The working directory is his home, and stays so. Raises nothing on purpose."""
    try:
        check_home(os.stat(account.home).st_mode, surroundings.forbidden)
        if _loops(letter):
            return Bounced(text=_LOOPS, said=_LOOPS)
        lines, default = _instructions(account, surroundings)
        new_sender = _new_sender(letter, account)
        delivery = _Delivery(letter, account, surroundings, default, new_sender)
        for line in lines:
            if delivery.obey(line):
                break
        return delivery.forward()
    except _Ended as end:
        return end.ending
    except BadInstructions as bad:
        return Deferred(text=f"{os.fsdecode(account.home)}: {bad}")
    except CouldNotTell as doubt:
        return Deferred(text=f"{doubt} (#4.3.0)")
    except OSError as error:
        return Deferred(text=f"{os.fsdecode(account.home)}: {error}. (#4.3.0)")


def _loops(letter: Letter) -> bool:
    ours = delivered_to(letter.local, letter.host)
    begins = True  # a line
    with _message(letter) as message:
        while piece := message.readline(_PIECE):
            if begins and piece in (ours, b"\n"):
                return piece == ours
            begins = piece.endswith(b"\n")
    return False


def _instructions(account: Account, surroundings: Surroundings) -> tuple[tuple[Line, ...], bytes | None]:
    """The lines, and what the word `default` in the name of their file stands for."""
    found = find_dot_qmail(account.home, account.dash, account.extension)
    if found is None:
        if account.dash:
            raise _Ended(Bounced(text=_NO_MAILBOX, said=_NO_MAILBOX))
        return parse_file(_NO_FILE, 0, surroundings.default_delivery), None
    with open(found.path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        octets = file.read(LARGEST + 1)
    return parse_file(octets, mode, surroundings.default_delivery, surroundings.forbidden), found.default


def _new_sender(letter: Letter, account: Account) -> bytes:
    """The sender of what is forwarded: the owner of the list where there is one, with an address for each recipient (VERP) where
    he wants that."""
    if letter.sender in (b"", b"#@[]"):
        return letter.sender
    name = account.home + b"/.qmail" + account.dash + safe_extension(account.extension)
    if not os.path.exists(name + b"-owner"):
        return letter.sender
    if os.path.exists(name + b"-owner-default"):
        return letter.local + b"-owner-@" + letter.host + b"-@[]"
    return letter.local + b"-owner@" + letter.host


def _message(letter: Letter) -> BinaryIO:
    """From its first octet on; the descriptor stays open."""
    os.lseek(letter.message, 0, os.SEEK_SET)
    return open(letter.message, "rb", closefd=False)


class _Delivery:
    def __init__(
        self, letter: Letter, account: Account, surroundings: Surroundings, default: bytes | None, new_sender: bytes
    ) -> None:
        self._letter = letter
        self._home = account.home
        self._surroundings = surroundings
        self._new_sender = new_sender
        self._to = delivered_to(letter.local, letter.host)
        self._from = return_path(letter.sender)
        self._ufline = from_line(letter.sender, surroundings.now())
        self._environment: Mapping[bytes, bytes] = {
            b"PATH": surroundings.path,
            **environment(
                account=account,
                local=letter.local,
                host=letter.host,
                sender=letter.sender,
                new_sender=new_sender,
                default=default,
                delivered_to=self._to,
                return_path=self._from,
                from_line=self._ufline,
            ),
        }
        self._paths = Paths(now=surroundings.now, nameless=False)
        self._recipients: list[bytes] = []
        self._files = 0
        self._programs = 0

    def obey(self, line: Line) -> bool:
        """Whether the lines below are not to be obeyed. Raises _Ended where it failed."""
        match line:
            case Maildir(path=path):
                self._into_maildir(path)
            case Mbox(path=path):
                self._into_mbox(path)
            case Program(command=command):
                return self._run(command)
            case Forward(address=address):
                self._recipients.append(address)
            case ForwardsOnly():
                pass
        return False

    def forward(self) -> Ending:
        """Hand over what is to be forwarded; how all of it ended."""
        if self._recipients:
            with tempfile.TemporaryFile() as file, _message(self._letter) as message:
                file.write(self._to)
                while piece := message.read(_PIECE):
                    file.write(piece)
                file.flush()
                file.seek(0)
                ending = self._surroundings.forward(self._new_sender, self._recipients, file.fileno())
            if not isinstance(ending, Delivered):
                return ending
        return Delivered(text=f"did {self._files}+{len(self._recipients)}+{self._programs}")

    def _into_maildir(self, path: bytes) -> None:
        maildir = os.path.join(self._home, path)
        name = self._surroundings.names()
        try:
            with _message(self._letter) as message:
                into_maildir.deliver(maildir, self._from + self._to, message, paths=self._paths, name=name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _deferred(f"Unable to chdir to maildir {shown(maildir)}: {error.strerror}. (#4.2.1)") from error
        except OSError as error:
            text = f"Temporary error on maildir delivery to {shown(maildir)}: {error.strerror}. (#4.3.0)"
            raise _deferred(text) from error
        self._files += 1

    def _into_mbox(self, path: bytes) -> None:
        path = os.path.join(self._home, path)
        first = self._ufline + self._from + self._to
        try:
            with _message(self._letter) as message:
                mbox.append(path, first, message, self._surroundings.wait)
        except mbox.Locked:
            raise _deferred(
                f"{shown(path)}: File has been locked for {mbox.LOCKED_FOR} seconds straight. (#4.3.0)"
            ) from None
        except OSError as error:
            raise _deferred(f"Unable to write {shown(path)}: {error.strerror}. (#4.3.0)") from error
        self._files += 1

    def _run(self, command: bytes) -> bool:
        os.lseek(self._letter.message, 0, os.SEEK_SET)
        surroundings = self._surroundings
        try:
            ran = run(
                [b"/bin/sh", b"-c", command],
                standard_input=self._letter.message,
                environment=self._environment,
                directory=self._home,
                deadline=surroundings.deadline,
                seconds=surroundings.seconds,
                before=surroundings.before,
            )
        except OSError as error:
            raise _deferred(f"Unable to run /bin/sh: {error}. (#4.3.0)") from error
        self._programs += 1
        if not ran.is_done:
            raise _Ended(_failed(ran, command))
        return ran.stops


def _failed(ran: Ran, command: bytes) -> Ending:
    words = printable(ran.output)
    what = f"|{shown(command)}"
    if ran.is_refusal:
        return Bounced(text=f"{what} refused with status {ran.status}: {words}", said=words or _FAILED)
    if ran.status is None:
        return Deferred(text=f"{what} took too long and was killed: {words} (#4.3.0)")
    if ran.status < 0:
        return Deferred(text=f"{what}: Aack, child crashed, of signal {-ran.status}: {words} (#4.3.0)")
    return Deferred(text=f"{what} failed with status {ran.status}: {words}")


def _deferred(text: str) -> _Ended:
    return _Ended(Deferred(text=text))


def shown(octets: bytes) -> str:
    """For the log: a path, a command."""
    return printable(octets, 120)
