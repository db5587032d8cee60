"""What the facts cost: CPU microseconds for the events of a session, by who hears them.

    python -m benchmarks.facts [--json] [--seconds 0.5]

A session tells three events: it opened, a transaction ended or several came to nothing, it ended. They are made and told in this
process. Beside each row stands its ratio to the calibration, which is a refused RCPT of `benchmarks.session`; ratios of different
runs and machines may be compared. "41 refused" is what of a guesser is told together: divide by 41 for one guess.
"""

import argparse
import json
from collections.abc import Callable, Iterable

from prometheus_client import generate_latest

from benchmarks.session import cpu_of, rejected_rcpt
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.model.event import NobodyAccepted, SessionEnded, SessionOpened, TransactionEnded
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.ration import sample_ration
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.report.counters import Counters
from twistedmx.report.lines import Lines
from twistedmx.report.log import Log, LogSettings
from twistedmx.report.prometheus import Gauges, registry_of
from twistedmx.report.samples import Samples, SampleSettings
from twistedmx.report.stream import Stream, Subscriber
from twistedmx.report.trail import Trail, TrailSettings
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path

CALIBRATION = "calibration: a refused RCPT, lock-step, in the session alone"
AT = 1_800_000_000.0
PEER = Peer(address="192.0.2.7", port=1024)
ENVELOPE = Envelope(
    reverse_path=parse_path(b"bob@example.net"),
    recipients=(Recipient(path=parse_path(b"ann@example.org"), verdict=ACCEPTED),),
)
UNKNOWN = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
GUESSES = Refused(count=41, runs=((UNKNOWN, (b"nobody.12@example.org",) * 41),))
QUEUED = verdict(
    codes.accepted("QJ7RK3TWN1.1"), Reason.ACCEPTED, "/srv/mail/example.org/ann/new/1795197323.M80361P7159Q2"
)


def session(stream: Stream, *, refused: Refused | None = None) -> Callable[[], None]:
    """Tells the events of one session: with a message, or with nothing but refused recipients."""
    common = {"at": AT, "session": "QJ7RK3TWN1", "peer": PEER}
    heard = {**common, "helo": "mail.example.net", "tls": None}
    sender = parse_path(b"bob@example.net")

    def a_message() -> None:
        stream.tell(
            TransactionEnded(
                **heard,
                queue_id="QJ7RK3TWN1.1",
                envelope=ENVELOPE,
                refused=Refused(),
                verdict=QUEUED,
                reason=Reason.ACCEPTED,
                octets=4096,
                seconds=0.213,
                detail=QUEUED.detail,
            )
        )

    def guesses() -> None:
        stream.tell(NobodyAccepted(**heard, transactions=9, reverse_paths=(sender,), refused=refused))

    middle = a_message if refused is None else guesses
    count = 0 if refused is None else refused.count

    def work() -> None:
        stream.tell(SessionOpened(**common))
        middle()
        stream.tell(
            SessionEnded(
                **heard,
                reason=Reason.QUIT,
                seconds=0.402,
                commands=7,
                transactions=1,
                messages=1,
                refused_recipients=count,
                errors=count,
            )
        )

    return work


def _log(format: str, write: Callable[[str], None]) -> Log:
    return Log(LogSettings(format=format), write, stamped=True)


def _nowhere(line: str) -> None: ...


def _scrape(counters: Counters) -> Callable[[], object]:
    gauges = Gauges(
        sessions=lambda: 580,
        secured=lambda: 20,
        certificates=lambda: [("mx.example.org", AT)],
        free_octets=lambda: 1 << 30,
        log_lines_lost=lambda: 0,
    )
    registry = registry_of(counters, gauges)
    return lambda: generate_latest(registry)


def measure(seconds: float) -> dict[str, float]:
    """Every row: its name and CPU microseconds."""
    counters = Counters()
    gathered = Lines("/dev/null", later=lambda flush: None)  # so many lines a write as there may be
    listeners: dict[str, Iterable[Subscriber]] = {
        "nobody": (),
        "a log of text, into nowhere": (_log("text", _nowhere),),
        "a log of JSON, into nowhere": (_log("json", _nowhere),),
        "a log of text, into /dev/null as a file": (_log("text", Lines("/dev/null")),),
        "a log of text, gathered, into /dev/null": (_log("text", gathered),),
        "counters": (counters,),
        "a log of text into nowhere, and counters": (_log("text", _nowhere), counters),
        "the trail": (Trail(TrailSettings(), lambda address: False, AT),),
        "the samples": (Samples(SampleSettings(), AT, sample_ration),),
    }
    rows = {CALIBRATION: cpu_of(rejected_rcpt(), seconds)}
    for refused, name in ((None, "a session with a message"), (GUESSES, "a session with 41 refused in 9 transactions")):
        for who, subscribers in listeners.items():
            rows[f"{name}, heard by {who}"] = cpu_of(session(Stream(subscribers), refused=refused), seconds)
    rows["a scrape, with the process metrics"] = cpu_of(_scrape(counters), seconds)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.facts",
        description="What the facts cost: CPU microseconds for the events of a session, by who hears them.",
        epilog="Example: python -m benchmarks.facts --seconds 1",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    parser.add_argument("--seconds", type=float, default=0.5, help="work per row (default 0.5)")
    chosen = parser.parse_args()
    rows = measure(chosen.seconds)
    unit = rows[CALIBRATION]
    if chosen.json:
        print(json.dumps({name: {"us": cost, "ratio": cost / unit} for name, cost in rows.items()}, indent=2))
    else:
        for name, cost in rows.items():
            print(f"{cost:9.2f} us {cost / unit:8.2f} x  {name}")


if __name__ == "__main__":
    main()
