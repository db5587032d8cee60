"""Hand a message that a `.qmail` file forwards to qmail-queue(8), from the process of the recipient, as qmail-local.c does.

The interface: the message is descriptor 0; descriptor 1 is read for the envelope: "F" sender NUL, "T" recipient NUL for each, NUL.
Both are files here, not pipes: the program reads at its own pace and nobody waits for the other.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from twistedmx.qmail.endings import Bounced, Deferred, Delivered, Ending, printable
from twistedmx.qmail.programs import Ran, run

_LONGEST: Final = 1003  # octets of an address with its letter and NUL, qmail-queue.c
# qmail.c: statuses that say for good that this message is not taken.
_PERMANENT: Final = frozenset({*range(11, 41), 115})


def envelope(sender: bytes, recipients: Sequence[bytes]) -> bytes:
    """As descriptor 1 has it."""
    return b"F" + sender + b"\0" + b"".join(b"T" + recipient + b"\0" for recipient in recipients) + b"\0"


@attrs.frozen(kw_only=True)
class QueueProgram:
    """`path`: of the program. `directory`: it runs there, qmail's home. `deadline`, `seconds`, `before`: as in `programs.run`."""

    path: bytes
    directory: bytes
    environment: Mapping[bytes, bytes]
    deadline: float
    seconds: Callable[[], float]
    before: Callable[[], None] | None = None

    def forward(self, sender: bytes, recipients: Sequence[bytes], message: int) -> Ending:
        """`message`: a descriptor of a file that stands at the first octet."""
        if max(map(len, (sender, *recipients))) > _LONGEST - 2:
            return Bounced(
                text="Unable to forward message: envelope address too long for qq (#5.1.3).",
                said="Unable to forward message: envelope address too long (#5.1.3)",
            )
        if not os.path.exists(self.path):
            return Deferred(
                text=f"Unable to forward message: there is no {os.fsdecode(self.path)}, and without a queue nothing is "
                "forwarded; install qmail-queue, or take the forward out of the .qmail file. (#4.3.0)"
            )
        with tempfile.TemporaryFile() as file:
            file.write(envelope(sender, recipients))
            file.flush()
            file.seek(0)
            try:
                ran = run(
                    [self.path],
                    standard_input=message,
                    standard_output=file.fileno(),
                    environment=self.environment,
                    directory=self.directory,
                    deadline=self.deadline,
                    seconds=self.seconds,
                    before=self.before,
                )
            except OSError as error:
                return Deferred(text=f"Unable to forward message: unable to exec qq: {error}. (#4.3.0)")
        return self._ending(ran)

    def _ending(self, ran: Ran) -> Ending:
        name = os.fsdecode(self.path)
        if ran.status == 0:
            return Delivered()
        if ran.status is None:
            return Deferred(text=f"Unable to forward message: {name} took too long and was killed. (#4.3.0)")
        output = f": {printable(ran.output)}" if ran.output else ""
        if ran.status in _PERMANENT:
            return Bounced(
                text=f"Unable to forward message: {name} ended with status {ran.status}{output}. (#5.3.0)",
                said="Unable to forward message (#5.3.0)",
            )
        ended = f"with status {ran.status}" if ran.status > 0 else f"by signal {-ran.status}"
        return Deferred(text=f"Unable to forward message: {name} ended {ended}{output}. (#4.3.0)")
