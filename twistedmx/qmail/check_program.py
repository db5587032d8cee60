"""The check program of AUTH, with checkpassword's interface (cr.yp.to/checkpwd/interface.html): vchkpw of vpopmail, and others.

It is started with what stands behind its name (`vchkpw /bin/true`), and reads on descriptor 3

    user NUL password-or-digest NUL challenge-or-nothing NUL         512 octets at most

How it ends says who it is: 0 known; 1 not, or may not send mail; all else could not be told, but for the numbers with which vchkpw
refuses a user (vpopmail, vchkpw.c). Its words are not looked at, for what it was given might be in them.

It runs as we do. Whoever needs more has it from its file: vchkpw is setuid root or vpopmail on most hosts, and checkpassword of
/etc/shadow needs root, which we are not. Without it, vpopmail finds no user at all and says so with 3, as of a wrong password.

BUGS: vchkpw of vpopmail 5 has 155 octets for all three parts, and cuts what is longer, so that it is refused.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from twisted.internet.defer import DeferredSemaphore

from twistedmx.model.login import CouldNotTell, Known, Recognition, Unknown
from twistedmx.qmail.program import Reactor, run
from twistedmx.smtp.sasl import Credentials

_MOST: Final = 512  # octets that checkpassword reads
_DESCRIPTOR: Final = 3
_SAID: Final = 4096  # octets of standard error, which are thrown away
# 1: checkpassword's, and vchkpw's where the user may not use SMTP. 3: no such user, or another password. 20: no user can be called
# so. 21, 22, 23: the same of 3 where vchkpw asks /etc/passwd as well. 2, 4 to 19, 24, 111: a fault of the program or of the host.
_REFUSED: Final = frozenset((1, 3, 20, 21, 22, 23))


class CheckProgram:
    """`argv`: the program, found as execvp(3) finds it, and its arguments. `cwd`: qmail's home. `seconds`: a check may take.
    `most`: that run at once; `waiting`: that wait for their turn, beyond which it could not be told."""

    def __init__(
        self,
        reactor: Reactor,
        argv: Sequence[bytes],
        *,
        cwd: bytes | str,
        seconds: float = 30.0,
        most: int = 10,
        waiting: int = 100,
    ) -> None:
        self._reactor = reactor
        self._argv = tuple(argv)
        self._cwd = cwd
        self._seconds = seconds
        self._waiting = waiting
        self._turns = DeferredSemaphore(most)

    def of(self, environment: Mapping[bytes, bytes]) -> "SessionPasswords":
        """The port, for a session with this environment; as it is when somebody is checked."""
        return SessionPasswords(program=self, environment=environment)

    async def check(self, credentials: Credentials, environment: Mapping[bytes, bytes]) -> Recognition:
        """As the port's."""
        given = b"\0".join((credentials.user, credentials.password, credentials.challenge, b""))
        if len(given) > _MOST:
            return Unknown(f"longer than {_MOST} octets")
        if len(self._turns.waiting) >= self._waiting:
            return CouldNotTell(f"{self._waiting} wait for the check program already")
        argv = self._found(environment)
        if argv is None:
            return CouldNotTell(f"there is no {os.fsdecode(self._argv[0])} in PATH")
        await self._turns.acquire()
        try:
            ended = await run(
                self._reactor,
                argv,
                environment,
                cwd=self._cwd,
                given={_DESCRIPTOR: given},
                taken=(2,),
                most_octets=_SAID,
                seconds=self._seconds,
            )
        finally:
            self._turns.release()
        if ended.status == 0:
            return Known(credentials.user)
        said = f"{os.fsdecode(self._argv[0])} {ended}"
        return Unknown(said) if ended.status in _REFUSED else CouldNotTell(said)

    def _found(self, environment: Mapping[bytes, bytes]) -> Sequence[bytes] | None:
        """What is run: a name without a slash is looked for in PATH."""
        program, *arguments = self._argv
        if b"/" in program:
            return self._argv
        path = os.fsdecode(environment.get(b"PATH", b"")) or os.defpath
        found = shutil.which(os.fsdecode(program), path=path)
        return (os.fsencode(os.path.abspath(found)), *arguments) if found is not None else None


@attrs.frozen(kw_only=True)
class SessionPasswords:
    """The port Passwords, of one session."""

    program: CheckProgram
    environment: Mapping[bytes, bytes]

    async def check(self, credentials: Credentials) -> Recognition:
        return await self.program.check(credentials, self.environment)
