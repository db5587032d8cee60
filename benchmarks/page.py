"""docs/performance.md: its prose stands below, its tables come from a result.

    python -m benchmarks.page result.json [result2.json …] > docs/performance.md

Several results, as of several calls of `python -m benchmarks --json`, are taken together. The charts that it shows are those of
`--svg docs/performance`; with `--svg DIR` they are drawn here as well.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import chart, results, table
from benchmarks.fault import CannotMeasure
from benchmarks.peers.all import ALL
from benchmarks.results import Result
from benchmarks.scenarios import CASES, SCENARIOS, Case

_CHARTS = (
    "reject-580",
    "reject-580-pipelined",
    "churn",
    "blocked",
    "victim-580",
    "victim-2000",
    "unpunished-2000",
    "tlsflood-begun",
    "tlsflood-completed",
    "accept-4k-1",
    "accept-4k-20",
    "idle",
    "idle-20k",
    "big",
    "short-lines",
    "tls",
    "governor",
    "governor-held-out",
    "workers-reject",
    "workers-reject-pipelined",
    "workers-accept",
)
_HEADINGS = {
    "reject": "Unknown recipients",
    "churn": "Connections",
    "blocked": "Connections of blocked hosts",
    "victim": "A legitimate sender under attack",
    "unpunished": "A legitimate sender beside attackers whom nothing stops",
    "tlsflood": "A flood of TLS handshakes",
    "governor": "The limit of sessions",
    "accept": "Messages",
    "idle": "Idle sessions",
    "big": "Large messages",
    "short-lines": "Short lines",
    "tls": "TLS",
    "workers": "Workers",
}
_WORDS = {
    "reject": """\
An attacker who guesses names: EHLO, then MAIL, five unknown recipients and RSET, again and again without a pause. The figure that
counts is the price of a thousand refused recipients in seconds of CPU, MAIL and RSET included. Lock-step waits for each reply;
pipelined sends a round in one packet, to servers that offer PIPELINING.""",
    "churn": "One such round per connection: greeting, EHLO, MAIL, five unknown recipients, QUIT; then a new connection.",
    "accept": """\
Mail for 500 of the recipients in turn, who have all had mail before. Each server makes it as safe as it does by default before it
says 250 (see the servers): the rates of servers that sync and of those that do not are not of the same thing.""",
    "idle": """\
Sessions that have said EHLO and then nothing. Memory is the PSS of all processes of the server, less what it was with one session;
the kernel's own memory for sockets and processes is not in it. Beside 20,000 of them, hosts that have sent a message before come
back: what they wait for is from the connection to the greeting. A process that may not have so many descriptors has fewer
sessions; two workers may have twice as many.""",
    "big": "One connection that sends one message after another. The memory is PSS, before and at most.",
    "short-lines": "The same with the worst of texts: lines of 20 octets.",
    "blocked": "Hosts in the blocklist connect, hear one line with 554 instead of a greeting, and connect again.",
    "victim": """\
What an attack takes from those who have mail for us. The legitimate sender has a process of its own (`benchmarks/victim.c`), which
goes before the load on their core where the system lets it (SCHED_FIFO). Twenty times a second a host that was never seen before
connects, says EHLO, MAIL and RCPT of a known recipient, sends 4 KiB and quits, one command per round trip. Each begins at its
time, whatever became of the one before, and counts from that time to the reply to QUIT. One that is not over in 30 seconds,
another reply than is expected or a lost connection is a failure; in the percentiles it counts as 30 s.

It does so {count} times in calm, {onset:,} times in the first minute of an attack, from its first moment on, and {count} times more
while the attack goes on; all of the same start of the server. In the first seconds no server can know yet who attacks.

The attackers are those of "Unknown recipients", lock-step, each from a /24 of its own. They have connected and said EHLO when the
attack begins, as far as the server has let them within 30 seconds. Any refusal is a right reply to them: who hears 421, is turned
away, hung up on or reset comes back at once from the same address, without a pause, which is the worst that he can do.
`guesses/s`: unknown recipients that were answered, 421 not counted, on the average of the attack; who is blocked has no more
of them.

The limits of {title} are its defaults here (`[conduct]`, `[limits]`, `[reputation]`, `[attacks]`); loopback is taken for the
Internet (`[blocklist] loopback`, `[reputation] private`), so that who offends is blocked, and 4096 connections may wait to be
accepted instead of 1024, for 2,000 attackers come at once. By default a
blocked host waits five seconds for its 554 and cannot come back before (`[blocklist] hold`); in "Connections of blocked hosts" that
is off. It has no limit of sessions. "Postfix, default limits" has Postfix's
own, "Postfix postscreen" is that of the next section, the other servers are as everywhere on this page.""",
    "unpunished": """\
The same with every penalty of ours switched off: whoever guesses is never hung up on, delayed, blocked or noticed, so what is left
is whose turn comes first. It is what a legitimate sender waits for while attackers behave just well enough. He sends {count} times
in calm, {onset:,} times from the first moment of the attack on, and {count} times more. `commands/s`: commands of the attackers
that were answered, MAIL and RSET among them, on the average of the attack.

"{title} without fair turns" is ours with its two lanes made one and turns that are not cut short (`benchmarks/peers/one_lane.py`);
the product cannot be set so. What it answers more is what fair turns cost. "Postfix postscreen" knows all attackers from the start
and asks nobody about their recipients: what one can do who has nothing left to find out.""",
    "tlsflood": """\
{connections} hosts, each from a /24 of its own, connect, say EHLO and STARTTLS, begin a handshake and go; they are back at once,
without a pause (`benchmarks/flood.c`). Handshakes that are begun end when the server's first octets are there: it has chosen a key,
computed the secret and signed by then, and the ClientHello is the same each time and costs the attacker nothing. The others are
completed. Who is refused with 454, turned away or hung up on comes back as well. Meanwhile one legitimate sender sends in plain
text and another one with STARTTLS, each as in "A legitimate sender under attack", {count} times in calm and {count} times in the
flood. The one with STARTTLS goes on in plain text when he hears 454, as mail servers do; that is no failure, and counted.

`ms CPU each` is what a handshake costs the server, measured in calm before: connections with one, less connections without.
Their share of the core is that times those of the flood; the rest is for connections that come and go. The limits of {title} are
its defaults (`[handshakes]`).""",
    "governor": """\
How many strangers may have a session rises while somebody finds no place, and falls when the machine has too much to do
([governor.md](governor.md)). One start of the server, with the limits of its default: {calm} s of calm; then {connections}
strangers, who are the attackers of `twistedmx drill 2`: HELO, MAIL and one unknown recipient, half a second to two seconds before
each command, then gone, and another host comes; {strangers} s later, beside them, five busy processes for each CPU, for {hogs} s;
then the strangers alone again, for {after} s. All the time a legitimate sender sends {rate} messages of 4 KiB a second, each from
a host that was never seen before: a stranger too. Strangers who are turned away come back, as far as there are fewer of them than
there may be. As many messages come from {known} hosts that have sent one in calm (`known hosts`), which is no good record yet.
Those of good record would not wait at all.

Beyond the limit strangers are heard out until they have named a recipient, as it is by default. The second table is without that:
who finds no place waits, and may hear 421. Then his mail counts as failed; but he comes again after {again} s, once, as a mail
server does after minutes. For that `[governor] comes_again` is 30 seconds here. `come again beside hogs`: those who did so while
the busy processes were there.

The server stands as other programs do here, and so do the busy processes: they are one program, of one session (sched(7),
autogroup), and what either can have of the server's core is half. Elsewhere on this page the server goes before all others. The
strangers and the sender do so here as well, on a core that the busy processes have too: if those were slow it would be no fault of
the server. The load is that of the whole machine: whatever else runs is in it, and `load before` says how much that was, for each
CPU.

The server is asked for its status each second. A limit that has not got somewhere in its phase is given the length of the phase
({strangers}, {hogs} or {after} s). Mail belongs to the phase in which it was begun; what has failed counts as 30 s.""",
    "tls": "Connections that say EHLO, STARTTLS, make a full handshake, say EHLO and QUIT. Nothing is resumed.",
    "workers": """\
The server as one process, and as a supervisor with several workers, each of which has the hosts that the kernel gives it by their
address. The figure that counts is the price in CPU, of the supervisor and all workers together, beside that of one process.

The server has all cores but the load's here. Of a machine of two cores that is one, which all workers share: then rates do not
rise with the workers. So that it is seen what sharing the work costs, and not what a core costs that has to be shared, each
process keeps it for 20 ms where the system has that (sched_setattr(2), Linux 6.12; what else it costs is said below). The load has
its core to itself: a worker there would starve it. `most sessions to least`: of the workers, once all connections are there, as
`status` tells it; few hosts are spread less evenly than many. Messages that come at the same time are synced together by one
worker, not by several: so there are 320 hosts, 80 for each of four.""",
}
_TOP = """\
# Performance

What {title} costs, beside other servers, on one core: {machine[processor]}, {machine[memory_gib]} GiB, {machine[kernel]},
Python {machine[python]}. Below each table stand the call that gave it and its time. Figures of other machines are others; what may
be compared is what stands in one table.

    python -m benchmarks.peers.install                  # servers that are not here, into a folder of their own
    python -m benchmarks --json result.json --svg docs/performance
    python -m benchmarks.page result.json > docs/performance.md

`python -m benchmarks --help` says how to measure less than all. `python -m benchmarks --check` tells in a minute whether this tree
has become slower than `benchmarks/recorded.json`.

## What we want, and what was measured

{targets}
"""
_METHOD = """\
## How it is measured

- The server has one core to itself, with all its processes; the load has another. The load is a C program (`benchmarks/load.c`),
  one thread around epoll, each connection from a loopback address of its own. Its loop is closed: it sends when it has been
  answered. That is the worst a peer can do; a botnet thinks longer. While it measures it never sleeps: else a server would
  pay, with each reply, for waking a core, which on a virtual machine costs more than the reply. It gives way to all else there,
  the kernel's threads among them (SCHED_IDLE, and the weight of nice 19): on a site it is on other machines, and what the disk
  needs of the kernel would find a core that is free. Beside a load that goes before them one fdatasync in a hundred took 10 ms.
- Every reply is compared with what it has to be. One wrong reply, a lost connection or a minute of silence, and the run counts as
  failed instead of fast.
- A run begins with a server that was started for it, connections that are all greeted, and some time to get warm. Each figure is
  the median of the runs; a run of every server comes before the next run of any, so that what drifts drifts for all.
- CPU is that of all processes of the server, kernel included, counted by their control group. `core busy` below 100 % means that
  the disk or the round trips were waited for.
- Before each run a fixed loop of Python is timed on the server's core. CPU beside that loop is what `--check` compares.
- Where several calls stand below a table, each of its rows is of the first that has this server.
- Messages are not deleted while it is measured: ext4 passes over inodes that were deleted in the last minutes, one by one, and
  after many were, most of what a message costs is that.

What this does not say: there is no network and no DNS, no content filter, no delivery behind the queue, and hardly any think time.
Loopback makes a packet cheap for both ends. On a virtual machine the neighbours are part of every figure, and its disk may say
"synced" before it is. A server with a process per connection is measured against the kernel's scheduler as much as by itself.
"""


def page(result: Result) -> str:
    """All of it."""
    ours = next(iter(result["peers"].values()))
    parts = [
        _TOP.format(
            title=ours["title"],
            machine=result["machine"],
            targets=table.markdown(table.targets(result)),
        ),
        _METHOD,
        "## The servers\n",
        _servers(result),
    ]
    for scenario in SCENARIOS:
        parts += _section(scenario, result)
    skipped = sorted({(row["peer"], row["case"], row["why"]) for row in result["skipped"]})
    absent = sorted({peer.name for peer in ALL} - set(result["peers"]))
    skipped += [(name, "all", "was not asked for in these calls") for name in absent]
    if skipped:
        parts.append("## What is not measured\n")
        parts.append(_together(skipped))
    profile = Path(__file__).with_name("profile.md")
    if profile.exists():
        parts.append(profile.read_text())
    return "\n".join(parts).rstrip() + "\n"


def _servers(result: Result) -> str:
    fields = ("title", "version", "promise", "recipients", "differs")
    rows = [("server", "version", "true at its 250", "recipients", "differs from its defaults")]
    rows += [tuple(peer[field] for field in fields) for peer in result["peers"].values()]
    return table.markdown(rows).replace("---:", "---") + "\n"


def _section(scenario: str, result: Result) -> list[str]:
    parts = []
    for case in CASES:
        rows = table.rows(case, result) if case.scenario == scenario else []
        if len(rows) < 2:
            continue
        if not parts:
            parts += [f"## {_HEADINGS[scenario]}\n", _words(case, result) + "\n"]
        title = case.title[0].upper() + case.title[1:]
        parts.append(f"### {title}\n")
        if case.name in _CHARTS and chart.draw(case, result):
            parts.append(f"![{title}](performance/{case.name}.svg)\n")
        parts.append(table.markdown(rows) + "\n")
        parts += [
            f"`{call['command']}`, {call['at']}\n" for call in results.calls(result) if case.name in call["cases"]
        ]
    return parts


def _words(case: Case, result: Result) -> str:
    """What the section of its scenario begins with."""
    ours = next(iter(result["peers"].values()))
    return _WORDS[case.scenario].format(**case.options, title=ours["title"])


def _together(skipped: list[tuple[str, str, str]]) -> str:
    """A row for each server and reason."""
    cases: dict[tuple[str, str], list[str]] = {}
    for peer, case, why in skipped:
        cases.setdefault((peer, why), []).append(case)
    rows = [("server", "cases", "why"), *((peer, ", ".join(names), why) for (peer, why), names in cases.items())]
    return table.markdown(rows).replace("---:", "---") + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page",
        description="Writes docs/performance.md from results.",
        epilog="Example: python -m benchmarks.page result.json > docs/performance.md",
    )
    parser.add_argument("results", nargs="+", metavar="FILE", help="of python -m benchmarks --json")
    parser.add_argument("--svg", metavar="DIR", help="draw the charts as well")
    chosen = parser.parse_args()
    try:
        result = results.joined([results.read(path) for path in chosen.results])
    except CannotMeasure as error:
        print(f"benchmarks.page: {error}", file=sys.stderr)
        return 1
    if chosen.svg:
        chart.draw_all(result, Path(chosen.svg))
    print(page(result), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
