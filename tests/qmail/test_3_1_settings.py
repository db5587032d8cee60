"""chkuser's settings, and what the environment of a session makes of them."""

from collections.abc import Mapping

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.chkuser_settings import ChkuserSettings, overruled


def changed(environment: Mapping[bytes, bytes], **settings: object) -> dict[str, object]:
    """What is different for a session with this environment."""
    before = ChkuserSettings(**settings)  # type: ignore[arg-type]
    after = overruled(before, environment)
    return {
        field.name: getattr(after, field.name)
        for field in attrs.fields(ChkuserSettings)
        if getattr(after, field.name) != getattr(before, field.name)
    }


class TestDefaults(SynchronousTestCase):
    """Without any variable."""

    def test_an_empty_environment_changes_nothing(self) -> None:
        """So start is DOMAIN, as in chkuser without CHKUSER_STARTING_VARIABLE."""
        self.assertEqual(changed({}), {})
        self.assertEqual(ChkuserSettings().start, "DOMAIN")

    def test_each_setting_says_its_reason_and_its_precedent(self) -> None:
        """The manual is made of them."""
        for field in attrs.fields(ChkuserSettings):
            self.assertTrue(field.metadata["why"].endswith("."), field.name)
            self.assertTrue(field.metadata["precedent"], field.name)

    def test_what_makes_no_sense_cannot_be_built(self) -> None:
        """With words for the operator."""
        for wrong in (
            {"start": "domain"},
            {"wrong_recipient": "both"},
            {"users_dash": "--"},
            {"ezmlm_dash": "/"},
            {"mailbox_quota": -1},
            {"error_delay": -1.0},
            {"error_delay_increase": 61.0},
            {"rcpt_limit": -1},
            {"allowed_characters": "é"},
            {"allowed_characters": "@"},
            {"bounce_file": "../x"},
        ):
            with self.assertRaises(ValueError):
                ChkuserSettings(**wrong)  # type: ignore[arg-type]


class TestEnvironment(SynchronousTestCase):
    """The variables, under the names of chkuser."""

    def test_start(self) -> None:
        """A slip of the operator's does not switch it off; nothing does, as in the patch set."""
        for value, expected in {b"ALWAYS": "ALWAYS", b"always": "ALWAYS", b"none": "NONE", b"": "NONE"}.items():
            self.assertEqual(changed({b"CHKUSER_START": value}), {"start": expected}, value)
        self.assertEqual(changed({b"CHKUSER_START": b"DOMIAN"}, start="ALWAYS"), {"start": "DOMAIN"})

    def test_numbers_are_read_as_atoi_reads_them(self) -> None:
        """Below 1 is no limit."""
        for value, number in {b"50": 50, b" 7x": 7, b"-3": 0, b"x": 0, b"": 0, b"+5": 5}.items():
            found = overruled(ChkuserSettings(rcpt_limit=9), {b"CHKUSER_RCPTLIMIT": value})
            self.assertEqual(found.rcpt_limit, number, value)
        self.assertEqual(changed({b"CHKUSER_WRONGRCPTLIMIT": b"3"}), {"wrong_rcpt_limit": 3})
        self.assertEqual(changed({b"CHKUSER_MBXQUOTA": b"110"}), {"mailbox_quota": 110})

    def test_presence_alone_switches(self) -> None:
        """Even with nothing in it."""
        for variable, name in {
            b"CHKUSER_SENDER_FORMAT_NOCHECK": "sender_format",
            b"CHKUSER_SENDER_MX_NOCHECK": "sender_mx",
            b"CHKUSER_RCPT_FORMAT_NOCHECK": "rcpt_format",
            b"CHKUSER_RCPT_MX_NOCHECK": "rcpt_mx",
        }.items():
            self.assertEqual(changed({variable: b""}), {name: False})
        self.assertEqual(changed({b"CHKUSER_DOUBLEBOUNCE": b""}), {"doublebounce": True})
        self.assertEqual(changed({b"CHKUSER_MUSTAUTH": b""}), {"must_auth": True})
        self.assertEqual(changed({b"CHKUSER_IDENTIFY": b"mx1"}), {"identify": "mx1"})

    def test_relayclient_switches_all_off(self) -> None:
        """Unless another variable is named for that."""
        off = {"start": "NONE", "sender_check": False}
        self.assertEqual(changed({b"RELAYCLIENT": b""}), off)
        self.assertEqual(changed({b"RELAYCLIENT": b""}, disable_variable="", sender_nocheck_variable=""), {})
        named = {b"CHKUSER_DISABLE_VARIABLE": b"MINE", b"CHKUSER_SENDER_NOCHECK_VARIABLE": b"MINE"}
        self.assertEqual(changed({**named, b"RELAYCLIENT": b""}), {})
        self.assertEqual(changed({**named, b"MINE": b""}), off)
