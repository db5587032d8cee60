"""qmail-spp: at each stage of a session the plugins of control/smtpplugins are asked, one after the other, in its order.

A plugin has the session's environment with what `variables` makes, qmail's home as its directory, and nothing to read. It answers
on standard output (`spp_answer`); what it writes on standard error goes to the log. It has a time limit, and is killed then.

A plugin that fails (it cannot be run, dies of a signal, takes too long, says no reply where one is due) has the command answered
`451 qmail-spp failure: ...`, as in the original, but without its path, which is the operator's: the log has it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.qmail.log_lines import line, lines_of, safe_text
from twistedmx.qmail.program import Ended
from twistedmx.qmail.program_places import Places
from twistedmx.qmail.spp_answer import BadAnswer, Last, Said, joined, parse_spp_answer, with_printed
from twistedmx.qmail.spp_file import Plugin, SppFile, Stage
from twistedmx.smtp.reply import Reply

# What qmail-spp.c takes for "could not be executed": its own child says so.
_NOT_EXECUTED: Final = 120
_ADDRESS_OF: Final = {Stage.MAIL: b"SMTPMAILFROM", Stage.RCPT: b"SMTPRCPTTO", Stage.PASS: b"SMTPRCPTTO"}


@attrs.frozen(kw_only=True)
class Answer:
    """What all plugins of a stage say together.

    `reply`: is said in place of ours, and the command is not obeyed; one without lines closes without a word. None: it is obeyed,
    and `around` has our reply. `headers`: lines of the message's header, without their ends. `address`: of MAIL or RCPT instead;
    None where it stays. `changes`: of the session's environment, None for a variable that is unset. `stop_all`: no plugin is asked
    any more in this session. `skip_checks`: what is built in is not asked of this command. `delayed`: by the command that each
    refuses, until RSET or the end of the message. `failed`: `reply` is due to a plugin that failed.
    """

    reply: Reply | None = None
    headers: tuple[bytes, ...] = ()
    address: bytes | None = None
    changes: Mapping[bytes, bytes | None] = MappingProxyType({})
    stop_all: bool = False
    skip_checks: bool = False
    delayed: Mapping[Stage, Reply] = MappingProxyType({})
    printed: tuple[tuple[int, str], ...] = ()
    failed: bool = False

    def around(self, reply: Reply) -> Reply:
        """Our own reply, with the lines that plugins have printed for it."""
        return with_printed(self.printed, reply)


NOTHING: Final = Answer()


def variables(
    *,
    helo: bytes | None = None,
    sender: bytes | None = None,
    rcpt: bytes | None = None,
    rcpt_count: int | None = None,
    rcpt_count_all: int | None = None,
    in_rcpthosts: bool | None = None,
    auth_method: bytes | None = None,
    auth_user: bytes | None = None,
) -> dict[bytes, bytes]:
    """What a plugin finds in its environment beside the session's own; None: not known so far.

    `rcpt_count`: of recipients that were accepted so far; `rcpt_count_all`: of all, with this one. `in_rcpthosts`: the recipient's
    domain, or the client may relay.
    """
    words = {
        b"SMTPHELOHOST": helo,
        b"SMTPMAILFROM": sender,
        b"SMTPRCPTTO": rcpt,
        b"SMTPRCPTCOUNT": None if rcpt_count is None else b"%d" % rcpt_count,
        b"SMTPRCPTCOUNTALL": None if rcpt_count_all is None else b"%d" % rcpt_count_all,
        b"SMTPRCPTHOSTSOK": None if in_rcpthosts is None else b"%d" % in_rcpthosts,
        b"SMTPAUTHMETHOD": auth_method,
        b"SMTPAUTHUSER": auth_user,
    }
    return {name: word for name, word in words.items() if word is not None}


class Plugins:
    """Of one session's file. Knows nothing of the session: who asks keeps `stop_all`, what is delayed, and the environment.

    `home`: qmail's, the directory of plugins. `tell`: hears what they write on standard error and what is wrong with them, each
    a line of the log.
    """

    def __init__(self, places: Places, file: SppFile, *, home: bytes | str, tell: Callable[[bytes], None]) -> None:
        self._places = places
        self._file = file
        self._home = home
        self._tell = tell

    def has(self, stage: Stage) -> bool:
        """Whether there is anybody to ask."""
        return stage in self._file.plugins

    def ask(self, stage: Stage, environment: Mapping[bytes, bytes]) -> Deferred[Answer]:
        """What they say. Never fails, but when it is cancelled, and then the plugin that runs is killed.

        `environment`: the session's, with `variables`.
        """
        return Deferred.fromCoroutine(self._ask(stage, environment))

    async def _ask(self, stage: Stage, environment: Mapping[bytes, bytes]) -> Answer:
        answer = NOTHING
        now = dict(environment)
        for plugin in self._file.plugins.get(stage, ()):
            ended = await self._places.run(plugin.argv, now, cwd=self._home)
            for each in lines_of(ended.outputs.get(2, b"")):
                self._tell(each)
            try:
                said = _said(ended)
            except _Failed as failed:
                self._tell_of(plugin, failed.words)
                reply = Reply(code=451, lines=(f"qmail-spp failure: {failed.heard} (#4.3.0)",))
                return attrs.evolve(answer, reply=answer.around(reply), failed=True)
            for fault in said.faults:
                self._tell_of(plugin, fault)
            answer = _with(answer, said, _ADDRESS_OF.get(stage))
            _change(now, said, _ADDRESS_OF.get(stage))
            if said.last is not None:
                break
        return answer

    def _tell_of(self, plugin: Plugin, words: str) -> None:
        where = b" (" + safe_text(self._file.path) + b" line %d)" % plugin.number
        self._tell(line(b"qmail-smtpd: qmail-spp: ", safe_text(plugin.line), b": ", words.encode(), where))


class _Failed(Exception):
    """`heard`: by the peer. `words`: for the operator."""

    def __init__(self, heard: str, words: str) -> None:
        super().__init__(words)
        self.heard = heard
        self.words = words


def _said(ended: Ended) -> Said:
    """Raises _Failed. A plugin whose pipe we closed behind its last line may have died of that."""
    if ended.could_not_start or ended.status == _NOT_EXECUTED:
        raise _Failed("can't execute", str(ended))
    if ended.timed_out:
        raise _Failed("child timed out", f"{ended}, and was killed")
    if ended.signal and not ended.cut:
        raise _Failed("child crashed", str(ended))
    try:
        said = parse_spp_answer(ended.outputs[1])
    except BadAnswer as bad:
        raise _Failed("bad answer", str(bad)) from bad
    if ended.cut and (said.last is None or 1 not in ended.cut):
        raise _Failed("bad answer", f"it wrote more than {max(map(len, ended.outputs.values()))} octets")
    return said


def _with(answer: Answer, said: Said, address_name: bytes | None) -> Answer:
    """What they say so far, and what one more has said."""
    delayed = dict(answer.delayed)
    for stage, reply in said.delayed.items():
        delayed[stage] = joined(delayed[stage], reply) if stage in delayed else reply
    printed = answer.printed + said.printed
    return Answer(
        reply=None if said.reply is None else with_printed(printed, said.reply),
        headers=answer.headers + said.headers,
        address=answer.address if said.address is None or address_name is None else said.address,
        changes=MappingProxyType({**answer.changes, **dict(said.changes)}),
        stop_all=said.last is Last.NEVER_AGAIN,
        skip_checks=said.last is Last.OK,
        delayed=MappingProxyType(delayed),
        printed=printed,
    )


def _change(environment: dict[bytes, bytes], said: Said, address_name: bytes | None) -> None:
    """For the plugins behind it."""
    for name, value in said.changes:
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    if said.address is not None and address_name is not None:
        environment[address_name] = said.address
