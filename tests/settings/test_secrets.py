"""What must not be shown."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.setting import setting
from twistedmx.settings.secrets import HIDDEN, has_secrets, is_secret, showable, without_secrets


class TestText(SynchronousTestCase):
    def test_passwords_and_tokens_are_hidden_and_the_rest_is_not(self):
        """An operator still wants to see which database it is."""
        for text, shown in (
            ("postgresql://mx:pw@db.example.org/mail", f"postgresql://mx:{HIDDEN}@db.example.org/mail"),
            ("postgresql://mx:p@w@db/mail", f"postgresql://mx:{HIDDEN}@db/mail"),
            ("postgresql://mx:p/w@db/mail", f"postgresql://mx:{HIDDEN}@db/mail"),
            ("postgresql://:pw@db/mail", f"postgresql://:{HIDDEN}@db/mail"),
            ("https://t0ken@users.example.org/", f"https://{HIDDEN}@users.example.org/"),
            ("host=db user=mx password=pw dbname=mail", f"host=db user=mx password={HIDDEN} dbname=mail"),
            ("password = 'p w' host=db", f"password = {HIDDEN} host=db"),
            ("https://h/q?a=b&api_key=k&c=d", f"https://h/q?a=b&api_key={HIDDEN}&c=d"),
            ("https://h/q?key=k", f"https://h/q?key={HIDDEN}"),
            ("https://h/q?access_token=k", f"https://h/q?access_token={HIDDEN}"),
            ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ):
            self.assertEqual(without_secrets(text), shown)

    def test_what_has_no_secret_stays_as_it_is(self):
        """Nobody can correct what he is not shown."""
        for text in (
            "postgresql://mx@db/mail",
            "https://users.example.org:8080/{domain}/{local}",
            "SELECT maildir FROM mailboxes WHERE local = :local AND domain = :domain",
            "tcp:25:interface=127.0.0.1",
            "mail/{domain}/{local}",
            "must be one of text, json, is 'xml'",
            "host=db dbname=mail passfile=/etc/pass",
        ):
            self.assertEqual(without_secrets(text), text)

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=["@"]), min_size=4))
    def test_no_password_of_a_url_is_shown(self, password):
        """Whatever characters it has."""
        password = f"Zq{password}"
        self.assertNotIn(password, without_secrets(f"postgresql://mx:{password}@db/mail"))


@attrs.frozen(kw_only=True)
class Account:
    marked: str = setting("", unit="", why="", secret=True)
    password: str = setting("", unit="", why="")
    api_key: str = setting("", unit="", why="")
    password_file: str = setting("", unit="", why="")
    url: str = setting("", unit="", why="")


class TestFields(SynchronousTestCase):
    def test_a_setting_is_secret_by_its_mark_or_its_name(self):
        """A file that has a secret is none."""
        secret = [field.name for field in attrs.fields(Account) if is_secret(field)]
        self.assertEqual(secret, ["marked", "password", "api_key"])

    def test_that_there_is_none_is_no_secret(self):
        """Often it is just what is wrong."""
        field = attrs.fields(Account).password
        self.assertEqual((showable(field, ""), showable(field, "x")), ("", HIDDEN))

    def test_settings_know_whether_they_have_any(self):
        """Their file is then for its owner alone."""
        self.assertFalse(has_secrets(Account(password_file="/etc/pw", url="http://h/")))
        self.assertTrue(has_secrets(Account(password="x")))
        self.assertTrue(has_secrets(Account(url="http://u:x@h/")))
