"""Settings of a running server that are changed until its next reload or restart."""

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_reload import SETTINGS, ReloadCase, accept_queue
from twistedmx.model.event import SettingsReloaded
from twistedmx.net.control import Refused
from twistedmx.service.adjusting import adjust, adjusted
from twistedmx.settings import Settings
from twistedmx.settings.difference import changed


def refusal(key, value):
    """Why it is refused, or ""."""
    try:
        adjusted(Settings(), key, value)
    except Refused as error:
        return str(error)
    return ""


class TestAdjusting(ReloadCase):
    def reloads(self):
        return [event for event in self.told if isinstance(event, SettingsReloaded)]

    async def test_it_holds_at_once_and_a_reload_takes_what_is_written(self):
        """Who turns a number in the middle of a siege must find it as it was when the siege is forgotten."""
        server = self.start()
        governing, door = server.lasting.governing, server.factory.door
        told = adjust(server, {"key": "governor.floor", "value": 80})
        self.assertEqual(
            told,
            {"key": "governor.floor", "value": 80, "before": 100, "written": 100, "unit": "sessions of strangers"},
        )
        self.assertEqual((governing.governor.settings.floor, door.admission.settings.floor), (80, 80))
        self.assertEqual(governing.told()["floor"], 80)
        adjust(server, {"key": "load.high", "value": 7})
        self.assertEqual(governing.governor.load.settings.high, 7.0)
        self.assertEqual(governing.governor.settings.floor, 80, "what was set before holds still")
        self.assertEqual(
            [(event.source, event.changed) for event in self.reloads()],
            [("set", ("governor.floor",)), ("set", ("load.high",))],
        )
        self.assertEqual(await server.reload(), ["load.high", "governor.floor"])
        self.assertEqual((governing.governor.settings.floor, door.admission.settings.floor), (100, 100))
        self.assertEqual(await server.reload(), [])

    def test_the_accept_queue_has_its_new_length(self):
        """Siege 3: while they stand at the door."""
        server = self.start()
        adjust(server, {"key": "backlog", "value": 9})
        self.assertEqual(accept_queue(server.ports[0].socket), 9)

    def test_what_is_not_good_changes_nothing(self):
        """Neither what holds nor what is told."""
        server = self.start()
        before = server.parts
        for arguments in (
            {"key": "governor.floor", "value": 0},
            {"key": "load.leave", "value": 5},
            {"key": "limits.size", "value": 70_000},
            {"key": 5, "value": 5},
            {"value": 5},
        ):
            self.assertRaises(Refused, adjust, server, arguments)
        self.assertIs(server.parts, before)
        self.assertEqual(self.reloads(), [])

    def test_the_same_value_is_no_event(self):
        """Nothing has changed."""
        server = self.start()
        self.assertEqual(adjust(server, {"key": "governor.floor", "value": 100})["before"], 100)
        self.assertEqual(self.reloads(), [])

    def test_all_that_can_be_set_is_told_as_it_is_and_as_it_is_written(self):
        """[governor], [load] and `backlog`, whatever is added to them."""
        self.write("mx.toml", "backlog = 7\n" + SETTINGS)
        server = self.start()
        adjust(server, {"key": "backlog", "value": 8})
        told = adjust(server, {})["settings"]
        names = {
            f"{section}.{field.name}"
            for section in ("governor", "load")
            for field in attrs.fields(type(getattr(Settings(), section)))
        }
        self.assertEqual({one["key"] for one in told}, names | {"backlog"})
        (backlog,) = adjust(server, {"key": "backlog"})["settings"]
        self.assertEqual(backlog, told[0])
        self.assertEqual((backlog["value"], backlog["written"], backlog["default"]), (8, 7, 1024))
        self.assertEqual(backlog["unit"], "connections")


class TestRefusals(SynchronousTestCase):
    def test_a_value_is_refused_with_what_was_expected(self):
        """By its key, as a fault of the file is."""
        for key, value, words in (
            ("governor.floor", 0, "governor.floor: must be 1 or more, is 0"),
            ("governor.floor", "many", "governor.floor: must be a whole number, is 'many'"),
            ("governor.growth", None, "governor.growth: must be a number, is None"),
            ("governor.over", "w", "governor.over: must be one of wait, refuse, queue, is 'w'"),
            ("load.leave", 1.5, "load: leave must be at most 1, is 1.5: else it would be left before it is entered"),
            ("backlog", True, "backlog: must be a whole number, is True"),
        ):
            self.assertEqual(refusal(key, value), words)

    def test_what_is_good_is_taken_and_nothing_else_with_it(self):
        """A list comes as JSON has it."""
        for key, value in (("governor.shares", [0.1, 0.2, 0.3]), ("governor.over", "queue"), ("load.calm", 5)):
            self.assertEqual(changed(Settings(), adjusted(Settings(), key, value)), [key])

    @settings(deadline=None)
    @given(
        st.sampled_from(["governor.floor", "governor.shares", "governor.words", "load.high", "backlog"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
    def test_any_value_is_taken_or_refused(self, key, value):
        """The socket takes what any program writes; no value may touch another key."""
        try:
            taken = adjusted(Settings(), key, value)
        except Refused as error:
            self.assertTrue(str(error))
        else:
            self.assertIn(changed(Settings(), taken), ([], [key]))


class TestKeys(ReloadCase):
    def test_a_key_that_is_none_is_told_with_what_was_meant(self):
        """Most are typing errors, or lack their section."""
        server = self.build()
        self.addCleanup(server.parts.close)
        for key, words in (
            ("governor.flor", "did you mean governor.floor?"),
            ("floor", "did you mean governor.floor?"),
            ("high", "did you mean load.high?"),
            ("backlogs", "did you mean backlog?"),
            ("x", "twistedmx set shows those that there are"),
            ("", "twistedmx set shows those that there are"),
            ("limits.size", "cannot be set while the server runs: write it into its settings, then twistedmx reload"),
            ("data", "cannot be set while the server runs: write it into its settings, then restart the server"),
        ):
            self.assertIn(words, str(self.assertRaises(Refused, adjust, server, {"key": key, "value": 1})))
