"""How deliveries of our own are done, and their limits: what the operator says, and what the process of `lspawn` is given."""

import json

import attrs

from twistedmx.qmail.instructions import FORBIDDEN_BITS
from twistedmx.setting import at_least, setting

GRACE = 10.0  # seconds: a delivery that has not ended so long after its limit hangs on a disk, and is killed


@attrs.frozen(kw_only=True)
class Limits:
    """Of one delivery, and of all. None of them shrinks under load: a peer that finds no place hears 451."""

    seconds: float = setting(
        240.0,
        unit="seconds",
        why="A delivery with all its programs ends within this, or is killed and answered 451; a peer waits ten minutes "
        "behind the dot (RFC 5321 4.5.3.2.6).",
        precedent="Postfix command_time_limit, 1000; qmail-local has none",
        restart=True,
        validator=at_least(1),
    )
    most: int = setting(
        20,
        unit="deliveries",
        why="So many are done at once; others wait.",
        precedent="qmail control/concurrencylocal, 10; at most 120 as compiled",
        restart=True,
        validator=at_least(1),
    )
    waiting: int = setting(
        1000,
        unit="deliveries",
        why="More than these are not kept waiting for a place, but answered 451.",
        restart=True,
        validator=at_least(0),
    )
    patience: float = setting(
        120.0,
        unit="seconds",
        why="A delivery that has found no place after this is answered 451.",
        restart=True,
        validator=at_least(1),
    )
    processor_seconds: int = setting(
        0,
        unit="seconds",
        why="Of processor time for each process of a delivery; 0: as many as `seconds` allows.",
        precedent="RLIMIT_CPU (setrlimit(2))",
        restart=True,
        validator=at_least(0),
    )
    memory: int = setting(
        0,
        unit="octets",
        why="Of address space for each process of a delivery; 0: no limit but the system's.",
        precedent="RLIMIT_AS; softlimit -m of daemontools",
        restart=True,
        validator=at_least(0),
    )
    processes: int = setting(
        0,
        unit="processes",
        why="Of the user who gets the mail, all together, while his mail is delivered; 0: no limit but the system's.",
        precedent="RLIMIT_NPROC",
        restart=True,
        validator=at_least(0),
    )
    may_gain_rights: bool = setting(
        True,
        unit="",
        why="Whether a program of a .qmail file may have more rights than its user, by a set-user-id bit, as qmail-queue has: "
        "forwards, ezmlm and vdelivermail need it. Switched off, none may, and nothing is forwarded by qmail-queue.",
        precedent="qmail-local allows it; systemd NoNewPrivileges forbids it",
        restart=True,
    )


@attrs.frozen(kw_only=True)
class Terms:
    """`home`: of qmail. `default_delivery`: the argument of qmail-start(8), lines as of a .qmail file. `queue`: program that takes
    forwards. `path`: the variable PATH of programs. `alias`: who gets the mail of nobody. `host`: in names of files.
    `forbidden_bits`: conf-patrn."""

    home: str = "/var/qmail"
    default_delivery: str = "./Mailbox"
    queue: str = ""
    path: str = ""
    alias: str = "alias"
    host: str = "localhost"
    forbidden_bits: int = FORBIDDEN_BITS
    limits: Limits = attrs.field(factory=Limits)

    @property
    def queue_program(self) -> str:
        """Its absolute path."""
        return self.queue or f"{self.home}/bin/qmail-queue"

    @property
    def search_path(self) -> str:
        """As the start script of qmail has it: its own programs first."""
        return self.path or f"{self.home}/bin:/usr/local/bin:/usr/bin:/bin"

    def render(self) -> str:
        """For the process."""
        return json.dumps(attrs.asdict(self))


def parse_terms(text: str) -> Terms:
    """Of what `render` made."""
    fields = json.loads(text)
    return Terms(**{**fields, "limits": Limits(**fields["limits"])})
