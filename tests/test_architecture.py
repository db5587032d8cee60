"""The plan of the building, kept by a machine: who may import whom, and who may ask the world for time, chance or load.

The rooms stand one above the other; imports go down only, and rooms on one level meet through `ports`.
"""

import ast
import os
import re
import sys
from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "twistedmx"
# From the ground up. `demo` writes settings for `service`; `testing` is for tests and for whoever writes a backend.
LEVELS = (
    {"setting", "linux"},
    {"smtp"},
    {"model"},
    {"ports"},
    {"policy", "mailbox", "delivery", "queue", "report", "collector"},
    {"qmail"},
    {"store", "net", "web"},
    {"settings"},
    {"demo"},
    {"service", "drill", "testing"},
    {"cli"},
    {"__main__"},
)
LINES = 350
# Asked through the arguments of Ports and World, so that a test can give others.
WORLD = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep", "localtime", "clock_gettime"},
    "random": {
        "random",
        "randrange",
        "randint",
        "choice",
        "choices",
        "getrandbits",
        "shuffle",
        "sample",
        "seed",
        "uniform",
    },
    "os": {"getloadavg", "urandom"},
    "datetime": {"now", "utcnow", "today"},
    "secrets": {"token_hex", "token_bytes", "token_urlsafe", "choice", "randbelow"},
}
# Rooms, and the modules of processes of their own.
_GIVES_THE_WORLD = {"service", "delivery.agent", "drill.world", "cli.world"}


class Module:
    """A file of the package, and what its text says. `name`: with dots, without the package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        self.room = self.name.partition(".")[0]
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def imports(self) -> set[str]:
        """Full names of all that is imported, wherever in the file."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name}: say in full what is imported"
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return names

    def ours(self) -> set[str]:
        """Imported modules of the package, without its name."""
        return {name.removeprefix("twistedmx.") for name in self.imports() if name.startswith("twistedmx.")}

    def asks_the_world(self) -> set[str]:
        """Each use of what `WORLD` names, as module.function; also where it was imported by name."""
        used = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used.add((node.value.id, node.attr))
            elif isinstance(node, ast.ImportFrom):
                used.update((node.module or "", alias.name) for alias in node.names)
        return {f"{module}.{name}" for module, name in used if name in WORLD.get(module, ())}


MODULES = [module for module in map(Module, sorted(PACKAGE.rglob("*.py"))) if module.name != "__init__" and module.room]


def level_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LEVELS) if room in rooms)


class TestRooms(SynchronousTestCase):
    def test_the_package_is_found_and_every_room_has_its_level(self):
        """A new room is put into the plan before anything is put into the room."""
        self.assertGreater(len(MODULES), 30)
        planned = set().union(*LEVELS)
        self.assertEqual({module.room for module in MODULES} - planned, set())

    def test_imports_go_down_only_and_rooms_on_one_level_do_not_know_each_other(self):
        """What a room needs of its neighbour is a Protocol in `ports`: so each can be replaced, and tested alone."""
        wrong = [
            f"{module.name} imports {name}"
            for module in MODULES
            for name in module.ours()
            if (other := name.partition(".")[0]) != module.room
            and other != "__version__"
            and level_of(other) >= level_of(module.room)
        ]
        self.assertEqual(wrong, [])

    def test_nobody_knows_of_qmail_but_who_puts_the_parts_together(self):
        """A drop-in is one room: whoever does not need it never meets it."""
        allowed = {"qmail", "settings", "service", "testing", "cli"}
        wrong = [
            f"{module.name} imports {name}"
            for module in MODULES
            for name in module.ours()
            if name.partition(".")[0] == "qmail" and module.room not in allowed
        ]
        self.assertEqual(wrong, [])

    def test_the_wire_stands_on_the_standard_library_and_attrs(self):
        """`smtp` can be taken out and used under any other event loop."""
        allowed = sys.stdlib_module_names | {"attrs", "attr"}
        wrong = [
            f"{module.name} imports {name}"
            for module in MODULES
            if module.room in ("smtp", "setting")
            for name in module.imports()
            if name.partition(".")[0] not in allowed
            and not (module.room == "smtp" and name.startswith(("twistedmx.smtp", "twistedmx.setting.")))
        ]
        self.assertEqual(wrong, [])

    def test_nothing_that_serves_knows_the_tests(self):
        """What is installed runs without fakes."""
        wrong = [
            f"{module.name} imports {name}"
            for module in MODULES
            for name in module.imports()
            if module.room != "testing" and name.startswith(("twistedmx.testing", "tests", "hypothesis", "unittest"))
        ]
        self.assertEqual(wrong, [])


class TestTheWorld(SynchronousTestCase):
    def test_each_program_imports_the_reactor_in_one_place(self):
        """Whatever imports it installs it, and cannot be driven by a Clock. The server is one program, a drill another."""
        names = {"twisted.internet.reactor"}
        places = {module.name for module in MODULES if names & module.imports()}
        self.assertEqual(places, {"service.world", "drill.world"})

    def test_nothing_imports_twisted_mail(self):
        """Its replies come out of order and it obeys commands behind STARTTLS: our counter-example."""
        wrong = [module.name for module in MODULES if any(name.startswith("twisted.mail") for name in module.imports())]
        self.assertEqual(wrong, [])

    def test_time_chance_and_load_come_in_as_arguments(self):
        """So that tests patch nothing and wait for nothing."""
        wrong = {
            module.name: sorted(asked)
            for module in MODULES
            if not {module.room, module.name} & _GIVES_THE_WORLD and (asked := module.asks_the_world())
        }
        self.assertEqual(wrong, {})

    def test_a_use_of_the_world_would_be_seen(self):
        """The test above must be able to fail: the service does ask, for it is what gives."""
        asked = set().union(*(module.asks_the_world() for module in MODULES if module.room == "service"))
        self.assertIn("time.time", asked)


class TestFiles(SynchronousTestCase):
    def test_no_file_has_two_duties(self):
        """A module that passes 300 lines has probably two; one that passes 350 certainly has."""
        lengths = {module.name: module.text.count("\n") for module in MODULES}
        soon = sorted(f"{name} {lines}" for name, lines in lengths.items() if 300 < lines <= LINES)
        over = sorted(f"{name} {lines}" for name, lines in lengths.items() if lines > LINES)
        self.assertEqual(over, [], f"above {LINES} lines: {', '.join(over)}; soon there: {', '.join(soon)}")

    def test_tox_leaves_out_no_tests_but_those_of_the_whole_program(self) -> None:
        """On the Python between the oldest and the newest, where they are named one by one."""
        tox = ConfigParser(interpolation=None)
        tox.read(ROOT / "tox.ini")
        named = {word for word in tox["testenv:py312"]["commands"].split() if word.startswith("tests.")}
        there = {f"tests.{path.parent.name}" for path in ROOT.glob("tests/*/test_*.py")}
        there |= {f"tests.{path.stem}" for path in ROOT.glob("tests/test_*.py")}
        self.assertEqual(there - named, {"tests.integration"})

    def test_every_state_machine_is_run(self):
        """trial does not find the TestCase that hypothesis makes of one: it has no method whose name begins with "test"."""
        texts = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("tests/**/*.py")}
        made = {name for name, text in texts.items() if re.search(r"\((?!unittest)\w+\.TestCase\)", text)}
        unrun = {
            name
            for name, text in texts.items()
            if "(RuleBasedStateMachine)" in text and "run_state_machine_as_test(" not in text
        }
        self.assertEqual((made, unrun), (set(), set()))

    def test_every_module_says_what_it_is_for(self):
        """The first thing that a stranger reads."""
        wrong = [module.name for module in MODULES if module.text.strip() and not ast.get_docstring(module.tree)]
        self.assertEqual(wrong, [])

    def test_the_plugin_folder_is_no_package_of_ours(self):
        """An __init__.py in twisted/ would hide Twisted itself."""
        folder = PACKAGE.parent / "twisted"
        files = sorted(str(path.name) for path in folder.rglob("*.py"))
        self.assertEqual(files, ["twistedmx_plugin.py", "twistedmx_policies.py"])

    def test_no_pattern_has_a_possessive_group(self):
        """Python 3.11.2, which Debian 12 has, gets them wrong: `demo.@example.org` was an address there, and nowhere else."""
        found = [
            f"{module.name}: {node.value!r}"
            for module in MODULES
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str | bytes)
            and re.search(r"\)(?:[*+?]|\{[\d,]+\})\+", os.fsdecode(node.value))
        ]
        self.assertEqual(found, [])
