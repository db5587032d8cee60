"""`twistedmx drill` as an operator calls it; what it would do is done by a fake, the real one is in tests/integration."""

from tests.cli.calling import Calling
from tests.drill.sample import figures
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.figures import document, verdict
from twistedmx.drill.judgement import hints, judge
from twistedmx.drill.page import page
from twistedmx.drill.start import Drilled
from twistedmx.drill.thresholds import read_thresholds
from twistedmx.net.control import Refused
from twistedmx.settings import BadSettings

STATUS = {
    "listening": ["0.0.0.0:25"],
    "backends": [{"domains": 7}, {"domains": ["example.org", "example.net"]}],
    "memory": {"resident_octets": 5},
}


class drilled:
    """In place of the real one. `asked`: what it was told; `more`: figures that are otherwise."""

    def __init__(self, **more):
        self.more = more
        self.asked = None

    def __call__(self, plan, thresholds, *, ask, tell, loopback_is_spared):
        self.asked = (plan, thresholds, ask, loopback_is_spared)
        tell("drill: a line of progress")
        found = figures(plan, **self.more)
        marks = judge(found, read_thresholds().of(plan.siege))
        more = hints(found, loopback_is_spared=loopback_is_spared)
        return Drilled(
            verdict=verdict(found, marks), document=document(found, marks, more), lines=tuple(page(found, marks, more))
        )


class TestDrill(Calling):
    def serve_with(self, *accepted, status=STATUS, never=("127.0.0.0/8", "::1/128")):
        def rcpt(arguments):
            if "@" not in arguments["address"]:
                raise Refused("is no address")
            return {"verdict": "accept" if arguments["address"] in accepted else "reject"}

        self.serve(status=status, rcpt=rcpt, list={"blocks": [], "never": list(never)})

    def test_the_running_server_is_the_target_and_the_demo_gets_the_mail(self):
        """Nothing has to be named for a first try."""
        self.serve_with("demo@localhost", "postmaster@localhost", "postmaster@example.org")
        drill = drilled()
        said = self.ask("drill", "1", drill=drill)
        self.assertEqual(said.status, 0, said.beside)
        plan, thresholds, ask, spared = drill.asked
        self.assertEqual((plan.host, plan.port, plan.siege), ("127.0.0.1", 25, 1))
        self.assertEqual(plan.recipients, ("demo@localhost", "postmaster@localhost"))
        self.assertEqual((plan.attack, plan.calm, thresholds, spared), (60.0, 15.0, None, True))
        self.assertEqual(ask()["memory"], {"resident_octets": 5})
        self.assertTrue(said.out.startswith("drill 1, RSET dictionary, on 127.0.0.1:25: passed\n"))
        self.assertIn("hint: the server never blocks 127.0.0.0/8", said.out)
        self.assertIn("legitimate mail goes to demo@localhost, postmaster@localhost\n", said.beside)
        self.assertIn("drill: a line of progress\n", said.beside)

    def test_another_server_gives_the_mail_to_a_postmaster(self):
        """Of the first domain that it tells of and that has one; nobody else is bothered."""
        self.serve_with("postmaster@example.net")
        drill = drilled()
        self.assertEqual(self.ask("drill", "3", drill=drill).status, 0)
        self.assertEqual(drill.asked[0].recipients, ("postmaster@example.net",))

    def test_who_has_nobody_to_send_to_is_told(self):
        """Before anything happens."""
        self.serve_with()
        said = self.ask("drill", "1")
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertIn("name a --recipient", said.beside)

    def test_all_can_be_said_otherwise(self):
        """The load is bounded by what is said."""
        self.serve_with(never=())
        drill = drilled()
        words = "--hosts 7 --sessions 8 --rate 9.5 --minutes 0.2 --target localhost:25 --thresholds my.toml"
        recipients = ["--recipient", "ann@example.org", "--recipient", "bob@example.org"]
        self.assertEqual(self.ask("drill", "3", *words.split(), *recipients, drill=drill).status, 0)
        plan, thresholds, ask, spared = drill.asked
        self.assertEqual((plan.hosts, plan.sessions, plan.rate, plan.attack, plan.calm), (7, 8, 9.5, 12.0, 3.0))
        self.assertEqual((plan.recipients, plan.domain), (("ann@example.org", "bob@example.org"), "example.org"))
        self.assertEqual((thresholds, ask is not None, spared), ("my.toml", True, False))

    def test_hogs_are_five_for_each_cpu_unless_it_is_said(self):
        """Beside which the attack goes on, after what is judged."""
        self.serve_with("demo@localhost")
        drill = drilled()
        said = self.ask("drill", "2", "--hog", "40", drill=drill, cpus=4)
        self.assertEqual((drill.asked[0].hog, drill.asked[0].hogs), (40.0, 20))
        self.assertIn("; then 40 s more beside 20 busy processes\n", said.beside)
        self.ask("drill", "2", "--hog", "1", "--hogs", "3", drill=drill)
        self.assertEqual((drill.asked[0].hog, drill.asked[0].hogs), (1.0, 3))
        self.ask("drill", "2", drill=drill)
        self.assertEqual((drill.asked[0].hog, drill.asked[0].hogs), (0.0, 0))
        said = self.ask("drill", "2", "--hogs", "3")
        self.assertEqual((said.status, said.beside), (2, "twistedmx drill: --hogs is of --hog SECONDS: say both\n"))

    def test_a_target_that_is_not_loopback_is_refused(self):
        """Whatever else is said."""
        for target in ("192.0.2.1:25", "[::1]:25", "mx.example.org:25"):
            said = self.call("drill", "1", "--target", target, "--recipient", "ann@example.org")
            self.assertEqual((said.status, said.out), (2, ""))
            self.assertTrue(said.beside.startswith(f"twistedmx drill: --target {target}: "), said.beside)

    def test_a_server_that_is_not_ours_needs_a_recipient_and_has_no_memory(self):
        """The control socket is of another one."""
        self.serve_with("demo@localhost")
        said = self.ask("drill", "1", "--target", "127.0.0.1:26")
        self.assertEqual(said.status, 2)
        self.assertIn("name a --recipient", said.beside)
        drill = drilled(resident_before=None, resident_most=None)
        said = self.ask("drill", "1", "--target", "127.0.0.1:26", "--recipient", "a@b.example", drill=drill)
        self.assertEqual((said.status, drill.asked[2:]), (0, (None, False)))
        self.assertIn("memory not known", said.out)

    def test_a_server_that_cannot_be_reached_is_told_with_the_remedy(self):
        """It has not been started."""
        self.serve_with(status={"listening": ["192.0.2.1:25"]})
        said = self.ask("drill", "1")
        self.assertEqual(said.status, 2)
        self.assertIn('add "tcp:2525:interface=127.0.0.1" to listen', said.beside)
        said = self.call("drill", "1", "--socket", self.folder + "/nobody")
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertIn("no server runs there", said.beside)

    def test_a_threshold_that_is_not_kept_is_status_1(self):
        """For a cron job."""
        self.serve_with("demo@localhost")
        said = self.ask("drill", "1", drill=drilled(alive=False))
        self.assertEqual(said.status, 1)
        self.assertIn("FAILED  server takes mail afterwards: no\n", said.out)

    def test_who_interrupts_gets_what_was_measured(self):
        """And the status of an interrupted program."""
        self.serve_with("demo@localhost")
        said = self.ask("drill", "1", "--json", drill=drilled(interrupted=True))
        self.assertEqual((said.status, said.json["verdict"]), (130, "interrupted"))

    def test_machines_get_one_document(self):
        """Progress goes beside it."""
        self.serve_with("demo@localhost")
        said = self.ask("drill", "1", "--json", drill=drilled())
        self.assertEqual((said.status, said.json["verdict"], said.json["siege"]), (0, "passed", 1))
        self.assertIn("a line of progress", said.beside)

    def test_what_cannot_be_done_is_told_a_line_each(self):
        """Faults of a file of thresholds are several."""

        def faulty(plan, thresholds, **more):
            raise BadSettings(["x.toml: a: bad", "x.toml: b: bad"])

        def cannot(plan, thresholds, **more):
            raise CannotDrill("127.0.0.1:25: no connection")

        self.serve_with("demo@localhost")
        said = self.ask("drill", "1", drill=faulty)
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertEqual(
            said.beside.splitlines()[1:], ["twistedmx drill: x.toml: a: bad", "twistedmx drill: x.toml: b: bad"]
        )
        said = self.ask("drill", "1", drill=cannot)
        self.assertEqual(
            (said.status, said.beside.splitlines()[1:]), (2, ["twistedmx drill: 127.0.0.1:25: no connection"])
        )

    def test_words_that_make_no_sense_are_told(self):
        """With what would."""
        for words, why in (
            (["4"], "invalid choice: 4"),
            (["1", "--hosts", "0"], "'0' is no number from 1 to 3,840,000"),
            (["1", "--rate", "fast"], "'fast' is no number from 0.1"),
            (["1", "--minutes", "nan"], "'nan' is no number"),
            (["1", "--sessions", "1.5"], "'1.5' is no number"),
            (["1", "--hog", "0"], "'0' is no number from 1 to 3,600"),
            (["1", "--hog", "5", "--hogs", "1001"], "'1001' is no number from 1 to 1,000"),
        ):
            said = self.call("drill", *words)
            self.assertEqual((said.status, said.out), (2, ""))
            self.assertIn(why, said.beside)
        for address in ("nonsense", "postmaster", "jörg@example.org"):
            said = self.call("drill", "1", "--target", "127.0.0.1:1", "--recipient", address)
            self.assertEqual(said.status, 2)
            self.assertIn("write local-part@domain", said.beside)
