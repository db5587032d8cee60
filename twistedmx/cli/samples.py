"""`twistedmx samples`: what was refused lately, a line each, or one of them whole. What is shown was written by attackers."""

import argparse
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.times import moment

_NAMED: Final = 3  # recipients in a line
_EXAMPLE: Final = """\
$ twistedmx samples
2026-11-20 12:10:07 UTC  QJ7RK3TWN1  unknown-mailbox at rcpt: 192.0.2.9, <bob@example.net> to sales@example.org, info@example.org
2026-11-20 12:10:09 UTC  BW2X0FD8KC.1  policy at message: 198.51.100.7, <> to ann@example.org, 48211 octets"""


def run(call: Call) -> Status:
    """Status 1 when there is none with the id, or no content of it to be written raw."""
    options = call.options
    answer = call.ask("samples", {"what": options.id, "reason": options.reason, "most": options.most})
    if options.raw:
        return _raw(call, answer)
    if options.json:
        call.terminal.document(answer)
    else:
        try:
            lines = list(lines_of(answer))
        except NoContent as error:
            call.terminal.complain(f"twistedmx samples: {error}")
            return Status.UNABLE
        for line in lines:
            call.terminal.say(line)
    return Status.NO if options.id and not answer.get("found") else Status.GOOD


def _raw(call: Call, answer: Mapping[str, Any]) -> Status:
    """The content of the one sample that has some."""
    if not call.options.id:
        call.terminal.complain("twistedmx samples: --raw is of one sample: name its id")
        return Status.UNABLE
    with_content = [sample for sample in answer.get("samples") or () if sample.get("content") is not None]
    if len(with_content) != 1:
        ids = ", ".join(str(sample.get("id")) for sample in with_content)
        words = f"several messages: name one of {ids}" if ids else "no content was kept"
        call.terminal.complain(f"twistedmx samples: {call.options.id}: {words}")
        return Status.NO
    try:
        call.terminal.octets(_content(with_content[0]))
    except ValueError as error:  # nor does a terminal take octets
        call.terminal.complain(f"twistedmx samples: {error}")
        return Status.UNABLE
    return Status.GOOD


class NoContent(ValueError):
    """What a server said is content is not: in words for the operator."""


def _content(sample: Mapping[str, Any]) -> bytes:
    """Raises NoContent."""
    try:
        return b64decode(sample.get("content") or "", validate=True)
    except (TypeError, ValueError) as error:
        raise NoContent(
            f"{sample.get('id')}: its content cannot be read: the server did not send base64 ({error}); is it of another "
            "version? --json shows what it sent"
        ) from None


def lines_of(answer: Mapping[str, Any]) -> Iterator[str]:
    """What a server answered (`twistedmx.service.samples`), for people. Raises NoContent."""
    samples = answer.get("samples") or ()
    if not samples:
        yield _nothing(answer)
    if answer.get("older"):
        yield f"{answer['older']} older samples are not shown (--most)"
    for sample in samples:
        if answer.get("what"):
            yield from _whole(sample)
        else:
            yield _line(sample)


def _nothing(answer: Mapping[str, Any]) -> str:
    what = answer.get("what")
    if answer.get("keep") == 0:
        return "no samples are kept: [samples] keep is 0"
    since = answer.get("since")
    when = f" since {moment(since)}, when the server started, or it is not kept any more" if since is not None else ""
    about = (
        f"{what}: there is no sample: nothing of it was refused" if what else "there is no sample: nothing was refused"
    )
    return f"{about}{when}"


def _line(sample: Mapping[str, Any]) -> str:
    peer = sample.get("peer") or "client not known"
    size = "" if sample.get("octets") is None else f", {sample['octets']} octets"
    return f"{moment(sample.get('at') or 0)}  {sample.get('id')}  {_where(sample)}: {peer}, {_envelope(sample)}{size}"


def _where(sample: Mapping[str, Any]) -> str:
    return f"{sample.get('reason')} at {sample.get('stage')}"


def _envelope(sample: Mapping[str, Any], named: int | None = _NAMED) -> str:
    senders, recipients = list(sample.get("from") or ()), list(sample.get("to") or ())
    came = ", ".join(f"<{sender}>" for sender in senders[:named]) or "no reverse-path"
    more = int(sample.get("count") or 0) - len(recipients[:named])
    to = ", ".join(map(str, recipients[:named])) + (f" and {more} more" if more > 0 else "")
    return f"{came} to {to}" if to else came


def _whole(sample: Mapping[str, Any]) -> Iterator[str]:
    via = f" (told by {sample['via']})" if sample.get("via") else ""
    said = f", HELO {sample['helo']}" if sample.get("helo") else ""
    detail = f" ({sample['detail']})" if sample.get("detail") else ""
    yield f"{sample.get('id')}: {_where(sample)}, {moment(sample.get('at') or 0)}"
    yield f"  client {sample.get('peer') or 'not known'}{via}{said}"
    yield f"  {_envelope(sample, None)}"
    yield f"  {sample.get('reason')}: {sample.get('meaning')}{detail}"
    yield f"  heard: {sample.get('heard')}"
    if sample.get("octets") is None:
        yield "  it did not come to content"
        return
    yield f"  content: {sample['octets']} octets{'' if sample.get('whole') else _kept(sample)}"
    for line in _lines(_content(sample)):
        yield f"  | {line}"


def _kept(sample: Mapping[str, Any]) -> str:
    kept = sample.get("kept")
    return f", of which the first {kept} are here" if kept else ", of which none are here"


def _lines(content: bytes) -> Sequence[str]:
    """Of text as far as it is some. The terminal escapes what is not printable."""
    lines = content.decode("utf-8", "backslashreplace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="of a message or a session: all of its samples, whole")
    parser.add_argument("--reason", metavar="REASON", help="only what was refused for it, as the log has it")
    parser.add_argument("--most", type=int, metavar="NUMBER", help="samples at the most, the newest (default: 20)")
    parser.add_argument("--raw", action="store_true", help="the content of ID, octet by octet, to a file or a pipe")


SAMPLES: Final = Command(
    name="samples",
    what="what was refused lately, to look at",
    about=(
        "The last refusals of each reason, a line each, the newest last; with an id all that is kept of it, content with control\n"
        "characters as escapes. They are in the server's memory alone and were never delivered. Status 1 when there is none with\n"
        "the id."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
