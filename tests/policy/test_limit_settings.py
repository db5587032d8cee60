"""Settings `[limits]`: what a session holds itself to in each state, and which words may be chosen."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.policy.posture import Posture
from twistedmx.settings import settings_from
from twistedmx.settings.toml_file import BadSettings
from twistedmx.smtp.limits import Limits


class TestByPosture(SynchronousTestCase):
    def test_what_has_three_values_has_its_own_in_each_state_and_all_else_the_same(self):
        """A message that was announced in calm must fit under attack: SIZE was said, and holds."""
        settings = LimitSettings(size=70_000, errors=(9, 6, 3), idle_commands=(8, 5, 2), messages=(7, 4, 1))
        limits = settings.by_posture()
        self.assertEqual(
            [(one.size, one.errors, one.idle_commands, one.messages) for one in limits],
            [(70_000, 9, 8, 7), (70_000, 6, 5, 4), (70_000, 3, 2, 1)],
        )
        self.assertEqual(len(limits), len(Posture))

    def test_calm_is_what_a_session_has_that_was_told_nothing(self):
        """Two lists of defaults, and they agree."""
        self.assertEqual(LimitSettings().by_posture()[Posture.CALM], Limits())

    def test_a_stranger_under_attack_is_not_hung_up_on_for_errors_before_his_recipients_are_too_many(self):
        """The limit that forgives a newsletter its dead addresses would never be asked."""
        for posture in Posture:
            self.assertGreaterEqual(
                LimitSettings().errors[posture], ConductSettings().bad_recipients[posture], posture.name
            )

    def test_harder_is_never_more(self):
        """Who mixes up two columns of a default would open the door in a siege."""
        for field in attrs.fields(LimitSettings):
            if isinstance(field.default, tuple):
                self.assertEqual(list(field.default), sorted(field.default, reverse=True), field.name)


class TestWritten(SynchronousTestCase):
    def faults(self, **limits):
        with self.assertRaises(BadSettings) as caught:
            settings_from({"limits": limits}, "mx.toml")
        return list(caught.exception.faults)

    def test_one_number_where_three_belong_is_told(self):
        """As of [conduct]: what it becomes under attack is to be thought about, not guessed."""
        (fault,) = self.faults(errors=20)
        self.assertIn("limits.errors: must be a list of", fault)
        (fault,) = self.faults(messages=[20, 10])
        self.assertIn("limits.messages: must be three numbers of 1 or more", fault)

    def test_words_that_no_reply_can_have_are_told_when_they_are_written(self):
        """Not when the first peer should hear them."""
        for words in ("Zu viele Fehler, tschüß", "two\r\nlines", "x" * 600):
            (fault,) = self.faults(errors_words=words)
            self.assertIn("limits.errors_words: a reply line is printable ASCII", fault)
