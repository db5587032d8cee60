"""Each command, as an operator calls it."""

import shlex
import tomllib
from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.calling import Calling
from tests.cli.test_attacks import TOLD
from tests.cli.test_drill import drilled
from tests.cli.test_history import RECORDED
from tests.cli.test_samples import SAMPLES
from tests.settings.test_dangers import FakeMachine
from twistedmx.cli.commands import COMMANDS
from twistedmx.cli.governor import why
from twistedmx.cli.status import page
from twistedmx.cli.where import CONFIG
from twistedmx.model.verdict import Reason
from twistedmx.net.control import Refused
from twistedmx.policy.governor import Why
from twistedmx.report.meanings import MEANINGS
from twistedmx.settings import Settings, settings_from
from twistedmx.settings.dangers import backlog_is_cut
from twistedmx.smtp import codes

ANN = {
    "address": "ann@example.org",
    "reply": "250 2.1.5 Recipient ok",
    "verdict": "accept",
    "reason": "accepted",
    "backend": "mailboxes.sql[0]",
    "detail": "",
    "destinations": [{"address": "ann@example.org", "maildir": "/srv/mail/example.org/ann", "owner": ""}],
}
BOB = {
    "address": "bob@example.org",
    "reply": "550 5.1.1 No such mailbox here",
    "verdict": "reject",
    "reason": "unknown-mailbox",
    "backend": "mailboxes.sql[0]",
    "detail": "",
    "destinations": [],
}
STATUS = {
    "version": "0.1.0",
    "pid": 812,
    "host": "mx.example.org",
    "settings": "/etc/twistedmx/twistedmx.toml",
    "since": 1_795_161_612.5,
    "uptime": 7_390.2,
    "reloaded": None,
    "listening": ["0.0.0.0:25", "[::]:465"],
    "sessions": {"open": 12, "tls": 3, "waiting": 0},
    "governor": {
        "limit": 580,
        "why": "wanted",
        "floor": 100,
        "ceiling": 0,
        "strangers": 9,
        "proven": 3,
        "heard_out": 0,
        "may_go": 2,
        "waiting": {"proven": 0, "familiar": 0, "stranger": 1, "failed": 0, "hung_up": 4},
        "refused": {"host": 7, "network": 0, "strangers": 12, "descriptors": 0},
        "displaced": 14,
        "under_load": False,
        "pressure": {"of": "load", "share": 0.21},
        "vitals": {
            "load": 0.42,
            "runnable": 0.31,
            "lag": 0.0012,
            "free_memory": 0.61,
            "throttled": None,
            "free_descriptors": 524_000,
        },
    },
    "rates": {"connections": 14.0, "messages": 2.5, "refused_recipients": 120},
    "limits": {"descriptors": 524_288, "size": 26_214_400, "recipients": 100, "hops": 100, "errors": [20, 10, 5]},
    "backends": [
        {"name": "mailboxes.table", "domains": ["example.org"], "state": "40 addresses"},
        {"name": "mailboxes.sql[0]", "domains": 2, "state": "answers"},
    ],
    "certificates": [
        {"file": "mx.pem", "names": ["mx.example.org"], "expires": 1_798_800_000.0, "days_left": 42},
    ],
    "memory": {"resident_octets": 50_541_363},
    "disk": {"free_octets": 13_207_024_640},
    "blocklist": {
        "entries": 812,
        "turned_away": 90_210,
        "waiting": 12,
        "evicted": 0,
        "allowed": 3,
        "store": {"path": "/var/lib/twistedmx/store.sqlite", "waiting": 0, "failures": 0, "lost": 0, "fault": ""},
    },
    "reputation": {"proven": 2041, "strangers": 51_200, "networks": 31_007, "fingerprints": 4410, "read": True},
    "handshakes": {"under_way": 2, "refused": {"host": 7, "rate": 0, "under-way": 0}},
    "log": {"lines_lost": 0},
}
FLOOR = {"key": "governor.floor", "value": 80, "before": 100, "written": 100, "unit": "sessions of strangers"}

GUESSER = {
    "id": "7KW3PQ2N",
    "network": "192.0.2.0/24",
    "reason": "operator",
    "evidence": "guesses names since noon",
    "origin": "operator",
    "since": 1_795_176_600.0,
    "expiry": 1_795_219_800.0,
    "relapse": 0,
}
CONDEMNED = {**GUESSER, "network": "192.0.2.9/32", "reason": "bad-recipients", "evidence": "", "origin": "conduct"}
PARTNER = {
    "network": "192.0.2.0/24",
    "source": "operator",
    "evidence": "our partner's servers",
    "since": 1_795_176_600.0,
    "expiry": 1_795_781_400.0,
    "within": [CONDEMNED],
    "more": False,
    "around": [],
}
HUNG_UP = {
    "what": "qj7rk3twn1",
    "found": True,
    "blocks": [
        {
            **GUESSER,
            "holds": True,
            "heard": "554 No SMTP service for 192.0.2.0: it is blocked; if you think that is wrong, tell our postmaster the id "
            "7KW3PQ2N",
            "undo": "twistedmx unban 7KW3PQ2N",
        }
    ],
    "sessions": [
        {
            "session": "QJ7RK3TWN1",
            "peer": "192.0.2.9",
            "helo": "mail.example.net",
            "last": 1_795_176_609.0,
            "ended": "bad-recipients",
            "meaning": MEANINGS[Reason.BAD_RECIPIENTS].sentence,
            "heard": "421 4.7.0 Too many recipients that are not here; closing (id QJ7RK3TWN1)",
            "change": MEANINGS[Reason.BAD_RECIPIENTS].change,
            "refusals": [
                {
                    "at": 1_795_176_607.0,
                    "what": "recipient",
                    "recipients": ["sales@example.org", "info@example.org"],
                    "count": 2,
                    "reason": "unknown-mailbox",
                    "meaning": MEANINGS[Reason.UNKNOWN_MAILBOX].sentence,
                    "heard": str(codes.NO_SUCH_MAILBOX),
                    "change": MEANINGS[Reason.UNKNOWN_MAILBOX].change,
                }
            ],
        }
    ],
}
CLIENT = {
    "address": "203.0.114.9",
    "half_life": 604_800.0,
    "host": {
        "network": "203.0.114.9/32",
        "known": True,
        "good": 1.8,
        "bad": 1.0,
        "guesses": 9.5,
        "days": 1,
        "age": 240,
        "last_mail_age": 90_000,
        "hung_up_lately": 2,
    },
    "proven": False,
    "why": "mail on 1 day, 1.8 messages of it counted by now; it takes 2 days, or 20 messages over 6 h",
    "network": {
        "network": "203.0.114.0/24",
        "good": 1.8,
        "bad": 3.2,
        "offenders": ["203.0.114.7/32", "203.0.114.8/32"],
        "good_mail": True,
    },
    "prefix": None,
    "helos": [
        {"shape": "a-9.pool.a.a", "good": 12.0, "bad": 431.5, "hosts": 205, "networks": 190, "first": 1_795_000_000}
    ],
    "block": None,
    "next": "2 more sessions hung up on within 60 min, and it is blocked; its network is not condemned, for mail comes from there",
}
FOR_EVER = {**GUESSER, "id": "Z8D4MXTB", "network": "203.0.113.7/32", "evidence": "", "expiry": None}


class TestExamples(Calling):
    def test_each_example_is_what_is_printed(self):
        """In --help and in docs/commands.md: what an operator reads is what he gets."""
        known = {answer["address"]: answer for answer in (ANN, BOB)}
        known["postmaster@example.org"] = ANN
        changed = {"changed": ["limits.size", "tls.certificate"]}
        self.serve(
            status=STATUS,
            rcpt=lambda arguments: known.get(arguments["address"], BOB),
            reload=changed,
            upgrade={"pid": 4712, "before": 4711, "steps": [["ready", 0.84], ["serves", 1.07]], "notes": []},
            set=FLOOR,
            ban=[GUESSER],
            unban=GUESSER,
            allow=[PARTNER],
            why=HUNG_UP,
            samples=SAMPLES,
            list={"blocks": [FOR_EVER], "next": None},
            attacks=TOLD,
            history=RECORDED,
            reputation=CLIENT,
        )
        path = self.write('host = "mx.example.org"\ndata = "."\n')
        (danger,) = backlog_is_cut(8192, FakeMachine().machine())
        for command in COMMANDS:
            call, _, printed = command.example.partition("\n")
            words = shlex.split(call.removeprefix("$ twistedmx ").replace(CONFIG, path))
            said = self.call(
                *words,
                environment={"TWISTEDMX_CONFIG": path},
                findings=lambda path: ([], [danger]),
                drill=drilled(),
            )
            self.assertIn(said.status, (0, 1))
            expected = printed.replace("\\\n", "").split("\n")
            got = said.out.replace(path, CONFIG).splitlines()
            self.assertEqual([line for line in got if not line.startswith("data = ")][: len(expected)], expected)


class TestCheckConfig(Calling):
    def test_a_good_file_is_said_to_be_good(self):
        """The last line says how it is."""
        said = self.call("check-config", "mx.toml")
        self.assertEqual((said.status, said.out), (0, "mx.toml: good\n"))

    def test_faults_go_before_warnings_and_each_names_the_file(self):
        """A fault keeps the server from starting, a warning does not."""
        said = self.call("check-config", "mx.toml", findings=lambda path: ([f"{path}: host: bad"], ["backlog: high"]))
        self.assertEqual(
            (said.status, said.out),
            (1, "fault: mx.toml: host: bad\nwarning: mx.toml: backlog: high\nmx.toml: 1 fault, 1 warning\n"),
        )

    def test_warnings_are_good_enough_unless_strict(self):
        """A deployment may want none."""
        found = {"findings": lambda path: ([], ["a: x", "b: y"])}
        self.assertEqual(self.call("check-config", "f", **found).status, 0)
        self.assertTrue(self.call("check-config", "f", **found).out.endswith("f: good, 2 warnings\n"))
        said = self.call("check-config", "--strict", "f", **found)
        self.assertEqual((said.status, said.out.splitlines()[-1]), (1, "f: not good, 2 warnings"))

    def test_machines_get_one_document(self):
        """With the same status."""
        said = self.call("check-config", "f", "--json", findings=lambda path: (["a: x"], ["b: y"]))
        self.assertEqual(said.status, 1)
        self.assertEqual(said.json, {"file": "f", "good": False, "faults": ["f: a: x"], "warnings": ["f: b: y"]})


class TestSettings(Calling):
    def test_a_file_is_shown_whole_and_can_be_read_back(self):
        """With all that it does not say."""
        path = self.write('host = "mx.example.org"\n[limits]\nsize = 100_000\n')
        said = self.call("settings", path)
        self.assertEqual((said.status, said.beside), (0, ""))
        document = tomllib.loads(said.out)
        self.assertEqual(document["limits"]["hops"], 100)
        self.assertEqual(settings_from(document, "x").limits.size, 100_000)

    def test_only_what_changed_when_asked_for(self):
        """It is what a colleague wants to see."""
        path = self.write('host = "mx.example.org"\nbacklog = 1024\n')
        said = self.call("settings", "--changed", "--config", path)
        self.assertEqual(tomllib.loads(said.out), {"host": "mx.example.org"})
        self.assertIn("# Our name in greeting", said.out)

    def test_without_a_file_it_is_the_defaults(self):
        """But not where a file was named."""
        said = self.call("settings")
        self.assertIn("these are the defaults", said.out)
        self.assertEqual(settings_from(tomllib.loads(said.out), "x"), Settings())
        for words, environment in ((["/nowhere.toml"], {}), ([], {"TWISTEDMX_CONFIG": "/nowhere.toml"})):
            said = self.call("settings", *words, environment=environment)
            self.assertEqual(said.status, 1)
            self.assertEqual(
                said.beside, "twistedmx settings: /nowhere.toml: cannot be read: No such file or directory\n"
            )

    def test_faults_are_told_a_line_each(self):
        """Beside the answer, which is none."""
        said = self.call("settings", self.write("hots = 1\nbacklog = 0\n"))
        self.assertEqual((said.status, said.out, len(said.beside.splitlines())), (1, "", 2))

    def test_machines_get_each_with_value_default_unit_and_reason(self):
        """In one document."""
        said = self.call("settings", "--json", self.write("backlog = 5"))
        (backlog,) = [entry for entry in said.json["settings"] if entry["key"] == "backlog"]
        self.assertEqual((backlog["value"], backlog["default"], backlog["unit"]), (5, 1024, "connections"))
        self.assertTrue(backlog["changed"])


class TestRcpt(Calling):
    def rcpt(self, arguments):
        known = {answer["address"]: answer for answer in (ANN, BOB)}
        if arguments["address"] not in known:
            raise Refused(f"{arguments['address']!r} is no address: write local-part@domain")
        return known[arguments["address"]]

    def test_the_reply_the_backend_and_the_place_are_told(self):
        """A line for each address; one refused recipient makes the status 1."""
        self.serve(rcpt=self.rcpt)
        said = self.ask("rcpt", "ann@example.org")
        self.assertEqual(
            (said.status, said.out),
            (0, "ann@example.org: 250 2.1.5 Recipient ok (mailboxes.sql[0]) -> /srv/mail/example.org/ann\n"),
        )
        said = self.ask("rcpt", "ann@example.org", "bob@example.org")
        self.assertEqual(
            (said.status, said.out.splitlines()[1]),
            (1, "bob@example.org: 550 5.1.1 No such mailbox here (mailboxes.sql[0]: unknown-mailbox)"),
        )

    def test_owner_and_detail_are_told_where_there_are_any(self):
        """Whose file it becomes, and what only we may know."""
        to = [{"address": "x", "maildir": "/m", "owner": "ann"}, {"address": "y", "maildir": "/n", "owner": ""}]
        self.serve(rcpt={**ANN, "detail": "by alias staff", "destinations": to})
        self.assertIn("(mailboxes.sql[0]: by alias staff) -> /m as ann, /n\n", self.ask("rcpt", "x@y").out)

    def test_what_is_no_address_is_told_and_the_others_are_asked(self):
        """Nobody wants to type them again."""
        self.serve(rcpt=self.rcpt)
        said = self.ask("rcpt", "@@", "ann@example.org")
        self.assertEqual(said.status, 1)
        self.assertEqual(said.beside, "twistedmx rcpt: '@@' is no address: write local-part@domain\n")
        self.assertIn("ann@example.org: 250", said.out)

    def test_machines_get_a_list(self):
        """Of one address, too."""
        self.serve(rcpt=self.rcpt)
        said = self.ask("rcpt", "--json", "ann@example.org")
        self.assertEqual((said.status, said.json), (0, [ANN]))
        (answer,) = self.ask("rcpt", "--json", "@@").json
        self.assertEqual(answer, {"address": "@@", "error": "'@@' is no address: write local-part@domain"})

    def test_where_no_server_runs_the_settings_are_asked(self):
        """And it is said, for a running server may have others."""
        said = self.call(
            "rcpt",
            "ann@example.org",
            "x@y",
            "--config",
            self.write(""),
            look_up=lambda path, addresses: [ANN] * len(addresses),
        )
        self.assertEqual((said.status, len(said.out.splitlines())), (0, 2))
        self.assertEqual(len(said.beside.splitlines()), 2, "told once")
        self.assertIn("asked of the settings alone", said.beside)

    def test_offline_asks_no_server(self):
        """A new file can be tried before it is used."""
        self.serve(rcpt=self.rcpt)
        said = self.call("rcpt", "--offline", "x@y", "--socket", self.socket, look_up=lambda path, addresses: [BOB])
        self.assertEqual((said.status, said.beside), (1, ""))

    def test_settings_with_faults_are_told(self):
        """A line each."""

        def look_up(path, addresses):
            raise ValueError(f"{path}: a: x\n{path}: b: y")

        said = self.call("rcpt", "--offline", "x@y", "--config", "f", look_up=look_up)
        self.assertEqual((said.status, said.beside), (1, "twistedmx rcpt: f: a: x\ntwistedmx rcpt: f: b: y\n"))

    def test_a_server_that_cannot_be_asked_is_not_guessed_for(self):
        """It runs, and may know better than the files."""
        self.serve_octets(lambda line: b"?\n")
        said = self.ask("rcpt", "x@y")
        self.assertEqual((said.status, said.out), (2, ""))


class TestStatus(Calling):
    def test_what_is_not_yet_or_no_more_is_said_in_words(self):
        """A certificate of yesterday is a reason for alarm."""
        old = {"file": "old.pem", "names": ["a", "b"], "expires": 0, "days_left": -3}
        self.serve(
            status={
                "reloaded": 1.0,
                "listening": [],
                "uptime": 5,
                "since": 0,
                "backends": [{"name": "x", "domains": list("abcdefg")}, {"name": "y", "domains": [], "state": "down"}],
                "certificates": [old],
                "disk": {"free_octets": None},
            }
        )
        self.assertEqual(
            self.ask("status").out,
            """\
since         1970-01-01 00:00:00 UTC, 5 s
reloaded      1970-01-01 00:00:01 UTC
listening     none
backends      x: a, b, c, d, e, 2 more
              y: no domains, down
certificates  old.pem: a, b, expires 1970-01-01, EXPIRED 3 days ago
disk          free space not known
""",
        )

    def test_workers_have_a_line_each(self):
        """Who has died again and again is seen at once."""
        one = {"number": 0, "pid": 813, "state": "serving", "sessions": 7, "since": 0.0, "restarts": 2}
        none = {"number": 1, "pid": None, "state": "empty", "sessions": None, "since": 0.0, "restarts": 9}
        self.serve(status={"workers": [one, none]})
        self.assertEqual(
            self.ask("status").out,
            "workers  0: process 813, serving, 7 sessions, since 1970-01-01 00:00:00 UTC, restarts 2\n"
            "         1: empty, restarts 9\n",
        )

    def test_a_qmail_host_is_told_in_words(self):
        """Its settings are its own files, where it has none of ours."""
        qmail = {"home": "/var/qmail", "dialect": "qmail", "tree": "sagredo", "delivery": "queue"}
        handed = {"refused": 2, "log_lines_lost": 0}
        self.serve(status={"settings": "", "qmail": {**qmail, "handed_over": handed}})
        self.assertEqual(
            self.ask("status").out.splitlines(),
            [
                "settings  none, all is as /var/qmail has it",
                "qmail     /var/qmail, dialect qmail, tree sagredo, delivery queue",
                "          handed over: refused 2, log lines lost 0",
            ],
        )
        self.assertEqual(next(page({"settings": "/etc/mx.toml", "qmail": qmail})), "settings  /etc/mx.toml")
        self.assertEqual(list(page({"settings": "", "qmail": None})), ["settings  the demo's"])

    def test_no_value_of_pythons_is_on_the_page(self):
        """Whoever reads it need not know Python: what a server of next year tells is in words as well."""
        self.serve(status={**STATUS, "new_thing": {"on": False, "path": "", "more": {"a_b": 1.25, "c": [True]}}})
        said = self.ask("status").out
        self.assertIn("new thing     on no, path none, more (a b 1.2, c yes)\n", said)
        self.assertNotRegex(said, r"True|False|None|[{}']")

    def test_what_is_not_known_of_the_governor_is_said_so(self):
        """A machine without /proc, and the first second of any."""
        vitals = dict.fromkeys(STATUS["governor"]["vitals"])
        young = {**STATUS["governor"], "why": "start", "pressure": None, "vitals": vitals, "under_load": True}
        self.serve(status={"governor": {**young, "ceiling": 900, "whims": 5}})
        self.assertEqual(
            self.ask("status").out.splitlines()[0],
            "governor  limit 580 of strangers, as at the start; floor 100, ceiling 900",
        )
        self.assertEqual(
            self.ask("status").out.splitlines()[4:],
            [
                "          load not known, running now not known, lag not known, free memory not known, throttled not known",
                "          presses most: was not judged yet; limits under load HOLD",
                "          whims 5",
            ],
        )

    def test_why_the_limit_is_there_is_in_words(self):
        """Whatever may move it."""
        for reason in Why:
            self.assertNotEqual(why({"why": reason.value}), reason.value)
        self.assertEqual(why({"why": "whim"}), "whim")

    def test_what_is_wrong_with_the_store_is_told(self):
        """Blocks that are not safe are gone after a restart."""
        store = {"path": "/s", "waiting": 3, "failures": 2, "lost": 1, "fault": "disk I/O error"}
        self.serve(status={"blocklist": {"entries": 4, "store": store}, "reputation": {"read": False}})
        self.assertEqual(
            self.ask("status").out.splitlines(),
            [
                "blocklist   entries 4",
                "            stored in /s, waiting 3, failures 2, lost 1, FAULT: disk I/O error",
                "reputation  is still being read from the store",
            ],
        )

    def test_machines_get_what_the_server_said(self):
        """Not a key less."""
        self.serve(status=STATUS)
        self.assertEqual(self.ask("status", "--json").json, STATUS)

    def test_another_shape_is_printed_as_it_came(self):
        """A server of next year tells other things."""
        self.serve(status={"sessions": 5, "disk": None, "certificates": [{"path": "x"}], "new_thing": {"a_b": 1.25}})
        self.assertEqual(
            self.ask("status").out,
            "sessions      5\ndisk          not known\ncertificates  path x\nnew thing     a b 1.2\n",
        )

    @settings(deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(STATUS)) | st.text(), inner),
        )
    )
    def test_anything_is_a_page(self, told):
        """No answer makes a traceback."""
        list(page(told if isinstance(told, dict) else {"status": told}))

    def test_no_server_is_status_2(self):
        """A watchdog tells it from a server that says no."""
        said = self.ask("status")
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertIn("no server runs there", said.beside)


class TestUpgrade(Calling):
    ANSWER: ClassVar = {"pid": 2, "before": 1, "steps": [["ready", 0.84], ["serves", 1.066]], "notes": ["a note"]}

    def test_how_it_went_is_told(self):
        """And what is left to do."""
        asked = []
        self.serve(upgrade=lambda arguments: asked.append(dict(arguments)) or self.ANSWER)
        said = self.ask("upgrade")
        self.assertEqual((said.status, said.beside), (0, "twistedmx upgrade: a note\n"))
        self.assertEqual(
            said.out,
            "asks the server to start anew, and waits until that serves\n"
            "process 2 was ready after 0.84 s, and serves since 1.07 s\n"
            "process 1 takes nobody any more, and ends with its last session\n",
        )
        self.assertEqual(self.ask("upgrade", "--foreground", "--json").json, self.ANSWER)
        self.assertEqual(asked, [{}, {"foreground": True}])

    def test_every_fault_is_told_a_line_each(self):
        """The old process goes on."""

        def upgrade(arguments):
            raise Refused("a: x\nb: y")

        self.serve(upgrade=upgrade)
        said = self.ask("upgrade")
        self.assertEqual((said.status, said.beside), (1, "twistedmx upgrade: a: x\ntwistedmx upgrade: b: y\n"))


class TestReload(Calling):
    def test_what_changed_is_told(self):
        """By key."""
        self.serve(reload={"changed": ["limits.size", "tls.certificate"]})
        self.assertEqual(self.ask("reload").out, "reloaded; changed: limits.size, tls.certificate\n")

    def test_that_nothing_changed_is_told(self):
        """Tables and certificates were read again all the same."""
        self.serve(reload={"changed": []})
        self.assertEqual(self.ask("reload").out, "reloaded; no setting has changed\n")
        self.assertEqual(self.ask("reload", "--json").json, {"changed": []})

    def test_every_fault_is_told_a_line_each(self):
        """The server goes on with what it had."""

        def reload(arguments):
            raise Refused("mx.toml: a: x\nmx.toml: b: \x1b[2J")

        self.serve(reload=reload)
        said = self.ask("reload")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertEqual(said.beside, "twistedmx reload: mx.toml: a: x\ntwistedmx reload: mx.toml: b: \\x1b[2J\n")
