"""`python -m benchmarks`: servers under load, side by side."""

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import chart, governor, idle, machine, recorded, results, table, tlsflood, victim, workers
from benchmarks.fault import CannotMeasure
from benchmarks.load import program as load_program
from benchmarks.peers import all as peers
from benchmarks.peers.peer import HOST, Peer, Place, free_port
from benchmarks.scenarios import CASES, SCENARIOS, Case, concerns, generators, measure, why_not

PROGRAMS = "~/.cache/twistedmx-benchmarks/programs"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures mail servers under load: each on one core, the load on another, medians of several runs.",
        epilog="""\
examples:
  python -m benchmarks --list                                    what there is, and what is missing for it
  python -m benchmarks reject churn --peers twistedmx,twisted     two scenarios, two servers
  python -m benchmarks reject-580 --quick                         one case, in seconds
  python -m benchmarks --json result.json --svg docs/performance  all of it: two hours
  python -m benchmarks --check                                    is ours as fast as it was? warns; with --strict, status 1
  python -m benchmarks --profile reject-580                       where the time of ours goes

exit status: 0 all was measured; 1 something could not be, or --strict found us slower; 2 wrong words on this line""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}, or a case of one (--list)"
    )
    parser.add_argument(
        "--peers", default=",".join(peers.NAMES), help="servers, with commas; default all that are installed"
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each case and server (default 3)")
    parser.add_argument("--quick", action="store_true", help="short runs, one of each: to see that it works")
    parser.add_argument("--json", metavar="FILE", help="write every run")
    parser.add_argument("--svg", metavar="DIR", help="draw a chart of each scenario")
    parser.add_argument("--list", action="store_true", help="cases and servers, and why a server cannot be measured")
    parser.add_argument("--check", action="store_true", help="compare ours with benchmarks/recorded.json")
    parser.add_argument("--strict", action="store_true", help="with --check: exit status 1 when slower")
    parser.add_argument(
        "--record", action="store_true", help="write what was measured of ours into benchmarks/recorded.json"
    )
    parser.add_argument("--profile", metavar="CASE", help="run ours under cProfile, and print where the time goes")
    parser.add_argument(
        "--programs", default=PROGRAMS, metavar="DIR", help=f"of benchmarks.peers.install (default {PROGRAMS})"
    )
    parser.add_argument(
        "--folder", metavar="DIR", help="where servers write; on the disk that counts (default: a new one in /var/tmp)"
    )
    chosen = parser.parse_args(words)
    if chosen.runs < 1:
        parser.error("--runs: at least 1")
    names = [name for name in chosen.peers.split(",") if name]
    for name in names:
        if name not in peers.NAMES:
            parser.error(f"--peers: there is no {name!r}; there are {', '.join(peers.NAMES)}")
    chosen.peers = names
    asked = chosen.scenarios + ([chosen.profile] if chosen.profile else [])
    known = {case.name for case in CASES} | set(SCENARIOS)
    for word in asked:
        if word not in known:
            parser.error(f"there is no scenario {word!r}; see --list")
    chosen.cases = [case for case in CASES if not asked or case.name in asked or case.scenario in asked]
    return chosen


def say(words: str) -> None:
    """Progress."""
    print(words, file=sys.stderr, flush=True)


class Bench:
    """One call of the program: the machine, a folder, and what was measured so far."""

    def __init__(
        self, chosen: argparse.Namespace, folder: Path, *, cores: tuple[int, int], server_cores: tuple[int, ...]
    ) -> None:
        self._chosen = chosen
        self._folder = folder
        self._server_core, self._load_core = cores
        self._server_cores = server_cores  # of a server that is to have all
        self._key, self._certificate = _certificate(folder)
        self._count = 0
        programs = Path(chosen.programs).expanduser()
        self._peers = [kind(programs) for kind in peers.ALL if kind.name in chosen.peers]
        self.result: results.Result = {
            "version": results.VERSION,
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
            "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
            "machine": machine.facts(),
            "peers": {},
            "runs": [],
            "skipped": [],
        }
        self.failures = 0

    def run(self) -> None:
        """All cases: run after run, and in each run peer after peer, so that what drifts drifts for all."""
        wanted = [peer for peer in self._peers if any(concerns(case, peer) for case in self._chosen.cases)]
        ready = [peer for peer in wanted if self._is_ready(peer)]
        for number, case in enumerate(self._chosen.cases, 1):
            runs = 1 if self._chosen.quick or case.once else self._chosen.runs
            able = [peer for peer in ready if concerns(case, peer) and self._can(case, peer)]
            for run in range(1, runs + 1):
                for peer in list(able):
                    heading = f"[{number}/{len(self._chosen.cases)}] {case.name}, {peer.name}, run {run} of {runs}"
                    if not self._one(case, peer, run, heading):
                        able.remove(peer)
                    self.save()

    def save(self) -> None:
        """What there is so far: who is interrupted after an hour has it."""
        if self._chosen.json:
            Path(self._chosen.json).write_text(json.dumps(self.result, indent=1) + "\n")

    def _is_ready(self, peer: Peer) -> bool:
        why = peer.why_not()
        if why:
            say(f"{peer.name}: not measured: {why}")
            return False
        self.result["peers"][peer.name] = {
            "title": peer.title,
            "version": peer.version(),
            "promise": peer.promise,
            "recipients": peer.recipients,
            "differs": peer.differs,
        }
        return True

    def _can(self, case: Case, peer: Peer) -> bool:
        why = why_not(case, peer)
        if why:
            self.result["skipped"].append({"case": case.name, "peer": peer.name, "why": why})
        return not why

    def _one(self, case: Case, peer: Peer, run: int, heading: str) -> bool:
        calibration = machine.calibration(self._server_core)
        try:
            values = self._measured(case, peer)
        except CannotMeasure as error:
            say(f"{heading}: FAILED: {error}")
            self.failures += 1
            self.result["skipped"].append({"case": case.name, "peer": peer.name, "why": str(error).partition("\n")[0]})
            return False
        self.result["runs"].append(
            {"case": case.name, "peer": peer.name, "run": run, "calibration": calibration, "values": values}
        )
        say(f"{heading}: {_words(case, values)}")
        return True

    def _measured(self, case: Case, peer: Peer) -> dict[str, Any]:
        self._count += 1
        folder = self._folder / f"{self._count}-{peer.name}"
        folder.mkdir(mode=0o755)
        place = Place(
            folder=folder,
            port=free_port(),
            certificate=self._certificate,
            key=self._key,
            cores=self._server_cores if case.all_cores else (self._server_core,),
            default_limits=case.default_limits,
            settings=case.settings,
        )
        running = peer.start(place)
        try:
            return measure(case, peer, running.group, place.port, core=self._load_core, quick=self._chosen.quick)
        finally:
            running.stop()


def _words(case: Case, values: dict[str, Any]) -> str:
    words = {"governor": governor.words, "idle": idle.words, "victim": victim.words, "tlsflood": tlsflood.words}.get(
        case.mode
    )
    if words is not None:
        return words(values)
    if case.scenario == "workers":
        return workers.words(values, case.unit)
    return f"{values['rate']:,.0f} {case.unit}, {values['cpu']:.4f} CPU-s per {case.per_unit}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key and its certificate, P-256, for all servers."""
    import time

    from twistedmx.net.tls import make_demo_certificate

    both = folder / "both.pem"
    make_demo_certificate(str(both), HOST, at=time.time())
    text = both.read_text()
    cut = text.index("-----BEGIN CERTIFICATE-----")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    key.write_text(text[:cut])
    key.chmod(0o644)  # of a key that is thrown away; servers with a user of their own read it too
    certificate.write_text(text[cut:])
    return key, certificate


def show_list(chosen: argparse.Namespace) -> None:
    """What can be measured here."""
    for case in CASES:
        print(f"{case.name:22} {case.title}")
    print()
    programs = Path(chosen.programs).expanduser()
    for kind in peers.ALL:
        peer = kind(programs)
        why = peer.why_not()
        print(f"{peer.name:15} {peer.title}, " + (f"NOT HERE: {why}" if why else peer.version()))


def main(words: Sequence[str] | None = None) -> int:
    """The exit status."""
    chosen = arguments(words)
    if chosen.list:
        show_list(chosen)
        return 0
    machine.raise_descriptors(max(case.options.get("connections", 0) for case in chosen.cases) + idle.SPARE)
    if chosen.check:
        chosen.peers, chosen.quick = ["twistedmx"], True
        chosen.cases = [case for case in chosen.cases if case.brief]
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=chosen.folder or "/var/tmp"))
    folder.chmod(0o755)
    try:
        cores, server_cores = machine.cores(), machine.server_cores()
        os.sched_setaffinity(0, {cores[1]})
        for name, tls in sorted({each for case in chosen.cases for each in generators(case)}):
            load_program(name, tls=tls)
        if chosen.profile:
            from benchmarks import profiled

            key, certificate = _certificate(folder)
            return profiled.show(chosen, folder, certificate=certificate, key=key, cores=cores)
        bench = Bench(chosen, folder, cores=cores, server_cores=server_cores)
        bench.run()
    except CannotMeasure as error:
        say(f"benchmarks: {error}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _finish(chosen, bench)


def _finish(chosen: argparse.Namespace, bench: Bench) -> int:
    print(table.report(bench.result))
    bench.save()
    if chosen.svg:
        chart.draw_all(bench.result, Path(chosen.svg))
    if chosen.record:
        recorded.write(bench.result)
    slower = recorded.slower(bench.result) if chosen.check else []
    for words in slower:
        say(f"WARNING: {words}")
    return 1 if bench.failures or (slower and chosen.strict) else 0
