"""Policies are found as plugins, and what is wrong with one is told to who has named it."""

import os
import sys
from pathlib import Path

import attrs
import twisted.plugins
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE
from twistedmx.policy import plugin
from twistedmx.policy.plugin import NoSuchPolicy, PolicyMaker, maker_of, makers, ours
from twistedmx.policy.policy_settings import PolicySettings, entry_of, kind_for, own_settings
from twistedmx.setting import at_least, setting
from twistedmx.settings import BadSettings, settings_from
from twistedmx.settings.difference import changed
from twistedmx.settings.listing import as_toml, only_changed, sections


@attrs.frozen(kw_only=True)
class OwnSettings:
    least: int = setting(1, unit="", why="From.", validator=at_least(1))
    most: int = setting(9, unit="", why="To.")
    secret: str = setting("", unit="", why="Who knows it.")

    def __attrs_post_init__(self):
        if self.least > self.most:
            raise ValueError("least is more than most")


class Own:
    """Says
    nothing.

    More of it."""

    stages = (Stage.MAIL, Stage.RCPT)
    settings = OwnSettings

    def __init__(self, settings, means):
        self.own = settings

    def decide(self, context):
        return CONTINUE


class Clash(Own):
    """Has a setting of a name that all have."""

    settings = attrs.make_class("ClashSettings", {"shadow": setting(1, unit="", why="x")})


class Bare(Own):
    """Has a setting that says nothing of itself."""

    settings = attrs.make_class("BareSettings", {"x": attrs.field(default=1)})


class Plain(Own):
    """Has no settings."""

    settings = None


OWN, CLASH, BARE, PLAIN = (
    PolicyMaker(f"test-{name.lower()}", f"{__name__}.{name}") for name in ("Own", "Clash", "Bare", "Plain")
)
for _maker in (OWN, CLASH, BARE, PLAIN):
    plugin.add(_maker)


def policies(*tables):
    return settings_from({"policies": list(tables)}, "mx.toml").policies


class TestFinding(SynchronousTestCase):
    def folder(self, **files):
        """A place with files of plugins, on the path for this test."""
        folder = Path(self.mktemp()).resolve() / "twisted" / "plugins"
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        twisted.plugins.__path__.append(str(folder))
        sys.path.append(str(folder.parent.parent))
        self.addCleanup(sys.path.remove, str(folder.parent.parent))
        self.addCleanup(twisted.plugins.__path__.remove, str(folder))
        self.addCleanup(plugin._FOUND.clear)
        for name in files:
            self.addCleanup(sys.modules.pop, f"twisted.plugins.{name}", None)
        return folder.parent.parent

    def test_ours_are_found_as_others_are(self):
        """There is no other way in."""
        self.assertEqual([maker.name for maker in ours()], ["empty-message", "helo"])
        self.folder(
            t_found="from twistedmx.policy.plugin import PolicyMaker\nx = PolicyMaker('t-found', 't_found_there.P')\n"
        )
        self.assertIn("t-found", [maker.name for maker in makers()])
        self.assertNotIn("t-found", [maker.name for maker in ours()])

    def test_an_unknown_name_is_told_with_those_that_there_are(self):
        """A typing error is the most frequent fault."""
        self.assertIn("did you mean 'helo'?", str(self.assertRaises(NoSuchPolicy, maker_of, "hello")))
        self.assertIn("there are: empty-message, helo", str(self.assertRaises(NoSuchPolicy, maker_of, "zzz")))

    def test_a_file_that_cannot_be_loaded_is_told_beside_an_unknown_name(self):
        """It may be what the name was to be found in; who names nothing of it is served without."""
        self.folder(t_broken="import no_such_module\n")
        self.assertEqual(maker_of("helo").name, "helo")
        words = str(self.assertRaises(NoSuchPolicy, maker_of, "greeter"))
        self.assertIn(f"{os.sep}t_broken.py: ModuleNotFoundError: No module named 'no_such_module'", words)
        self.assertTrue(self.flushLoggedErrors(ModuleNotFoundError), "Twisted tells it as well")

    def test_a_policy_that_cannot_be_loaded_is_a_fault_of_who_names_it_alone(self):
        """Its file of plugins can be, for that names it only."""
        self.folder(
            t_half="from twistedmx.policy.plugin import PolicyMaker\nx = PolicyMaker('t-half', 'no_such_module.P')\n"
        )
        self.assertEqual(maker_of("helo").name, "helo")
        words = str(self.assertRaises(NoSuchPolicy, maker_of, "t-half"))
        self.assertIn("'t-half' cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'", words)

    def test_two_of_one_name_are_none(self):
        """Which one was meant nobody can know."""
        text = "from twistedmx.policy.plugin import PolicyMaker\nx = PolicyMaker('t-two', 'os.path')\n"
        self.folder(t_one=text, t_other=text)
        self.assertIn(
            "2 installed policies are called 't-two'", str(self.assertRaises(NoSuchPolicy, maker_of, "t-two"))
        )


class TestSettings(SynchronousTestCase):
    def test_a_table_has_what_all_have_and_its_own(self):
        """In one table, checked alike."""
        (table,) = policies({"name": "test-own", "stages": ["mail"], "time_limit": 2, "shadow": True, "most": 5})
        entry = entry_of(table, Own(own_settings(table), None))
        self.assertEqual(
            (entry.name, entry.stages, entry.time_limit, entry.shadow), ("test-own", {Stage.MAIL}, 2.0, True)
        )
        self.assertEqual(entry.policy.own, OwnSettings(most=5))

    def test_without_stages_it_is_asked_at_all_that_it_is_made_for(self):
        """Most have one."""
        (table,) = policies({"name": "test-own"})
        self.assertEqual(entry_of(table, Own(None, None)).stages, {Stage.MAIL, Stage.RCPT})

    def test_the_order_is_that_of_the_file(self):
        """Cheapest first is the operator's choice; one policy may be there twice."""
        names = ["helo", "test-own", "empty-message", "helo"]
        self.assertEqual([table.name for table in policies(*({"name": name} for name in names))], names)

    def test_all_faults_are_told_each_with_its_key(self):
        """Key, what was found, what to do."""
        error = self.assertRaises(
            BadSettings,
            policies,
            {"name": "test-own", "mots": 1, "stages": ["data"], "on_failure": "panic"},
            {"name": "test-own", "least": 8, "most": 7},
            {"name": "test-own", "least": 0, "stages": ["lunch"]},
            {"name": "nobody-has-this"},
            {"shadow": "yes"},
            {"name": 3},
            "helo",
            {"name": "test-clash"},
            {"name": "test-bare"},
        )
        told = "\n".join(error.faults)
        for words in (
            "policies[0].mots: no such setting here; did you mean 'most'?",
            "policies[0].stages: test-own can be asked at mail, rcpt, and not at data",
            "policies[0].on_failure: must be one of continue, defer, is 'panic'",
            "policies[1]: least is more than most",
            "policies[2].least: must be 1 or more, is 0",
            "policies[2].stages: must be of connect, helo, mail, rcpt, refused, data, message, is 'lunch'",
            "policies[3].name: no policy is called 'nobody-has-this'",
            "policies[4].name: is missing",
            "policies[4].shadow: must be true or false, is 'yes'",
            "policies[5].name: must be a string, is 3",
            "policies[6]: must be a table, is 'helo'",
            "policies[7].name: the policy 'test-clash' has a setting shadow that cannot be used",
            "policies[8].name: the policy 'test-bare' has a setting x that cannot be used: it is not made with `setting`",
        ):
            self.assertIn(words, told)
        self.assertEqual(len(error.faults), 13)

    def test_two_versions_of_the_same_settings_are_equal(self):
        """Else every reload would say that the policies changed."""
        before, same, other = (
            settings_from({"policies": [{"name": "test-own", "most": most}]}, "x") for most in (5, 5, 6)
        )
        self.assertEqual((changed(before, same), changed(before, other)), ([], ["policies"]))

    def test_they_are_listed_with_their_reasons_and_without_secrets(self):
        """`twistedmx settings` knows the policies of others as ours."""
        settings = settings_from({"policies": [{"name": "test-own", "most": 5, "secret": "hunter2"}]}, "x")
        text = as_toml(only_changed(sections(settings)))
        self.assertIn("[[policies]]", text)
        self.assertIn("# To.\n# Default 9.\nmost = 5", text)
        self.assertNotIn("hunter2", text)

    def test_a_policy_without_settings_of_its_own_has_those_of_all(self):
        """Many need none."""
        (table,) = policies({"name": "test-plain", "shadow": True})
        self.assertIs(own_settings(table), None)
        self.assertEqual(len(attrs.fields(kind_for(PLAIN))), len(attrs.fields(PolicySettings)))

    def test_what_it_is_for_is_the_first_paragraph(self):
        """In one line, for the manual."""
        self.assertEqual(OWN.what, "Says nothing.")
