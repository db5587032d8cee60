"""Plugins of qmail-spp in one session: when they are asked, and what of their answers outlives the command.

    connection  before the greeting        mail   before the sender is looked at       data  before 354
    helo        behind its command         rcpt   before the recipient is looked at    pass  behind it
    auth        when a password was right

What they say goes before what is built in. "O" has passed all of that, at "helo" and "mail" also what is said of these at RCPT,
but rcpthosts: in the patched qmail-smtpd.c that check is within chkuser, and a plugin that knows a recipient lets in mail for the
whole world.
"""

from twistedmx.qmail.call import Call
from twistedmx.qmail.spp import NOTHING, Answer, Plugins, variables
from twistedmx.qmail.spp_file import Stage
from twistedmx.qmail.spp_state import SppState


class Plugging:
    """`plugins`: of this session, None where it has none. `state`: what is kept of their answers. `passed`: stages of which the
    last answer was "O"."""

    def __init__(self, plugins: Plugins | None, call: Call) -> None:
        self._plugins = plugins
        self._call = call
        self.state = SppState()
        self.passed: set[Stage] = set()

    def has(self, stage: Stage) -> bool:
        """Whether anybody is to be asked."""
        return self.state.refusal(stage) is not None or self._has(stage)

    def _has(self, stage: Stage) -> bool:
        return self._plugins is not None and not self.state.stopped and self._plugins.has(stage)

    @property
    def headers(self) -> bytes:
        """Lines for the next message, with their ends."""
        return b"".join([line + b"\n" for line in self.state.headers])

    def forget(self) -> None:
        """The transaction is over: so is what was said of it."""
        self.state = self.state.reset()

    async def ask(self, stage: Stage, **known: bytes | int | bool | None) -> Answer:
        """What they say. `known`: as in `spp.variables`."""
        self.passed.discard(stage)
        delayed = self.state.refusal(stage)
        if delayed is not None:
            return Answer(reply=delayed)
        if self._plugins is None or not self._has(stage):
            return NOTHING
        call = self._call
        answer = await self._plugins.ask(stage, {**call.environment, **variables(**known)})  # type: ignore[arg-type]
        if answer.changes:
            for name, value in answer.changes.items():
                if value is None:
                    call.environment.pop(name, None)
                else:
                    call.environment[name] = value
            call.terms = call.again(call.environment)
        self.state = self.state.after(answer)
        if answer.skip_checks:
            self.passed.add(stage)
        return answer
