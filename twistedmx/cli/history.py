"""`twistedmx history`: the last day in numbers, and the two pictures of it."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.report.pictures import TURNED_AWAY, rejections, sessions, top_reasons
from twistedmx.report.span import Span, gathered, minute_of

_EXAMPLE: Final = """\
$ twistedmx history --hours 1
UTC               messages  unknown-mailbox  not-ours  policy  others  turned away  sessions  load
2026-11-20 10:00        31               12         0       0       0            0        14  0.12
2026-11-20 10:01        28            1,904        11       2       1            0       140  0.31
2026-11-20 10:02         -                -         -       -       -            -         -     -
2026-11-20 10:03        33            2,871         4       0       0          212       580  0.52
messages accepted, recipients refused by reason, connections of blocked hosts; at most at once, and load average of 2 CPUs"""

_ROWS: Final = 30  # what a screen holds
_REASONS: Final = 3  # that have a column of their own
_NOTHING: Final = "nothing was recorded in that time"
_HOURS: Final = 24.0


def run(call: Call) -> Status:
    """The table, the document, or where the pictures are."""
    answer = call.ask("history", {"hours": call.options.hours})
    told = answer if isinstance(answer, dict) else {}
    minutes = [minute_of(minute) for minute in told.get("minutes") or ()]
    cpus = int(told.get("cpus") or 1)
    pictures: list[str] = []
    if call.options.svg is not None and minutes:
        try:
            pictures = draw(minutes, cpus, call.options.svg)
        except OSError as error:
            call.terminal.complain(
                f"twistedmx history: {call.options.svg}: pictures cannot be written there: {error.strerror}; "
                "name another folder with --svg"
            )
            return Status.UNABLE
    if call.options.json:
        call.terminal.document(answer if call.options.svg is None else {**told, "pictures": pictures})
        return Status.GOOD
    for line in [_NOTHING] if not minutes else pictures or page(minutes, cpus):
        call.terminal.say(line)
    return Status.GOOD if minutes else Status.NO


def page(minutes: Sequence[Span], cpus: int) -> Iterator[str]:
    """The lines of the table. `minutes`: one at least."""
    _, spans = gathered(minutes, _ROWS)
    reasons = top_reasons(spans, _REASONS)
    head = ["UTC", "messages", *reasons, "others", TURNED_AWAY, "sessions", "load"]
    rows = [head, *(_row(span, reasons) if span.minutes else [_time(span)] + ["-"] * (len(head) - 1) for span in spans)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for time, *words in rows:
        yield "  ".join([f"{time:{widths[0]}}", *map(str.rjust, words, widths[1:])])
    yield (
        "messages accepted, recipients refused by reason, connections of blocked hosts; at most at once, and load average of "
        f"{cpus} CPU{'' if cpus == 1 else 's'}"
    )


def _row(span: Span, reasons: Sequence[str]) -> list[str]:
    refused = [span.refused[reason] for reason in reasons]
    others = span.refused.total() - sum(refused)
    counts = [span.messages, *refused, others, span.turned_away, span.most_open]
    return [_time(span), *(f"{count:,}" for count in counts), "-" if span.load is None else f"{span.load:.2f}"]


def _time(span: Span) -> str:
    return f"{datetime.fromtimestamp(span.start, UTC):%Y-%m-%d %H:%M}"


def draw(minutes: Sequence[Span], cpus: int, folder: str) -> list[str]:
    """The pictures in `folder`, which is made if need be; their paths. Raises OSError: a picture is then the old one."""
    os.makedirs(folder, exist_ok=True)
    drawn = (("rejections.svg", rejections(minutes)), ("sessions.svg", sessions(minutes, cpus)))
    return [_write(folder, name, picture) for name, picture in drawn]


def _write(folder: str, name: str, text: str) -> str:
    """All of it or nothing: a page may show the file while we write."""
    path = os.path.join(folder, name)
    descriptor, new = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)  # numbers, for whoever serves the page
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    return path


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= _HOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, to {_HOURS:g}")
    return hours


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hours", type=_hours, default=_HOURS, metavar="H", help=f"so many up to now (default and most: {_HOURS:g})"
    )
    parser.add_argument(
        "--svg",
        metavar="DIRECTORY",
        help="draw rejections.svg and sessions.svg there, and say where, in place of the table",
    )


HISTORY: Final = Command(
    name="history",
    what="the last day: what was accepted and refused, sessions and load, as a table or as two pictures",
    about="As the running server recorded it, minute by minute. docs/history.md says what each number is.",
    example=_EXAMPLE,
    options=_options,
    run=run,
)
