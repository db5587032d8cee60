"""Settings of handing over to a queue program: how many, how long, and what is held meanwhile."""

import attrs

from twistedmx.setting import at_least, setting


@attrs.frozen(kw_only=True)
class QueueSettings:
    """Not of qmail's: there each connection has one program, from DATA on, for as long as the peer likes. None shrinks under load:
    who finds no place is asked to come again, and that is what they are under load."""

    programs: int = setting(
        20,
        unit="programs",
        why="So many queue programs at work at a time, each with a whole message; the scanners of a chain count as one.",
        precedent="the usual concurrencyincoming of qmail, 20 to 40; Postfix default_process_limit 100",
        validator=at_least(1),
    )
    line: int = setting(
        100,
        unit="messages",
        why="So many wait for a program to end; who comes when the line is full hears 451 at once.",
        precedent="none",
        validator=at_least(0),
    )
    wait: float = setting(
        60.0,
        unit="seconds",
        why="A message that has waited so long is given back with 451. With time_limit below 600: a client waits ten minutes.",
        precedent="none; RFC 5321 4.5.3.2.6 has the ten minutes",
        validator=at_least(0),
    )
    time_limit: float = setting(
        480.0,
        unit="seconds",
        why="A program that has had the whole message for so long is killed with all that it has started, and the peer hears 451.",
        precedent="qmail-queue gives itself 24 hours; RFC 5321 4.5.3.2.6 lets a client go after 10 minutes, to send it twice",
        validator=at_least(1),
    )
    in_memory: int = setting(
        131_072,
        unit="octets",
        why="Up to here a message stays in memory; a longer one goes to a file as it comes, with twice as much in memory at most.",
        precedent="[writing] spill; sendmail DataFileBufferSize, 4096",
        validator=at_least(1),
    )
    folder: str = setting(
        "/var/tmp",  # noqa: S108 - for a file that never has a name
        unit="",
        why="Where long messages lie until the program has them, without a name: they are gone with us. /tmp may be memory.",
        precedent="TMPDIR of simscan",
        path=True,
    )
    stop: float = setting(
        30.0,
        unit="seconds",
        why="So long a server that stops waits for programs at work. They go on without it; but what they say is told to nobody.",
        precedent="none: tcpserver leaves its children alone",
        validator=at_least(0),
    )
