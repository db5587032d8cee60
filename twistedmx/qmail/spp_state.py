"""What qmail-spp keeps of a session between its commands: headers, and refusals that are still to come.

A command goes: `refusal` (what a plugin has said before of the next one of its kind), then the plugins, then `after` their answer.
"""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from twistedmx.qmail.spp import Answer
from twistedmx.qmail.spp_answer import joined
from twistedmx.qmail.spp_file import Stage
from twistedmx.smtp.reply import Reply

_MOST_HEADERS = 1000  # lines: plugins of RCPT may add some for each recipient


@attrs.frozen(kw_only=True)
class SppState:
    """`stopped`: no plugin is asked any more. `headers`: lines for the message, behind Received. `delayed`: refusals, by their
    command."""

    stopped: bool = False
    headers: tuple[bytes, ...] = ()
    delayed: Mapping[Stage, Reply] = MappingProxyType({})

    def refusal(self, stage: Stage) -> Reply | None:
        """Of MAIL, RCPT or DATA, without asking anybody, until RSET."""
        return self.delayed.get(stage)

    def after(self, answer: Answer) -> "SppState":
        """Plugins have answered."""
        delayed = dict(self.delayed)
        for stage, reply in answer.delayed.items():
            delayed[stage] = joined(delayed[stage], reply) if stage in delayed else reply
        return attrs.evolve(
            self,
            stopped=self.stopped or answer.stop_all,
            headers=(self.headers + answer.headers)[:_MOST_HEADERS],
            delayed=MappingProxyType(delayed),
        )

    def reset(self) -> "SppState":
        """RSET, or the headers were written to a message (spp_rset)."""
        return SppState(stopped=self.stopped)
