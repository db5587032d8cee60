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
from twistedmx.smtp.reply import Reply


class Plugging:
    """`plugins`: of this session, None where it has none. `headers`: lines of the next message, with their ends. `passed`: stages
    of which the last answer was "O"."""

    def __init__(self, plugins: Plugins | None, call: Call) -> None:
        self._plugins = plugins
        self._call = call
        self._delayed: dict[Stage, Reply] = {}
        self.headers = b""
        self.passed: set[Stage] = set()

    def has(self, stage: Stage) -> bool:
        """Whether anybody is to be asked."""
        return stage in self._delayed or (self._plugins is not None and self._plugins.has(stage))

    def forget(self) -> None:
        """The transaction is over: so is what was said of it."""
        self._delayed.clear()
        self.headers = b""

    async def ask(self, stage: Stage, **known: bytes | int | bool | None) -> Answer:
        """What they say. `known`: as in `spp.variables`."""
        self.passed.discard(stage)
        delayed = self._delayed.get(stage)
        if delayed is not None:
            return Answer(reply=delayed)
        if self._plugins is None or not self._plugins.has(stage):
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
        self._delayed.update(answer.delayed)
        self.headers += b"".join(line + b"\n" for line in answer.headers)
        if answer.skip_checks:
            self.passed.add(stage)
        if answer.stop_all:
            self._plugins = None
        return answer
