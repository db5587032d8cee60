"""VALIDRCPTTO and MOREVALIDRCPTTO_CDB: lists of recipients elsewhere than in control/."""

import os

from tests.qmail.test_1_1_live import NO_CONTROLS, HostTest
from twistedmx.testing.cdb import write_cdb

NOT_VALID = "553 sorry, this recipient is not in my validrcptto list (#5.7.1)"


class TestElsewhere(HostTest):
    def answers(self, environment: dict[str, str], address: bytes, rules: dict[str, object] | None = None) -> list[str]:
        stage = self.stage(
            "sagredo", environment=environment, rules=rules or {}, control={"validrcptto": "-bob@example.org\n"}
        )
        write_cdb(os.path.join(stage.home, "more.cdb"), [(b"-ann@example.org", b""), (b"@example.net", b"")])
        with open(os.path.join(stage.home, "short.cdb"), "wb") as file:
            file.write(b"no cdb")
        client = stage.connect()
        client.say(b"MAIL FROM:<a@example.net>")
        return client.say(b"RCPT TO:<%b>" % address)

    def test_a_cdb_from_qmails_home_on(self) -> None:
        """Beside control/validrcptto."""
        environment = {"MOREVALIDRCPTTO_CDB": "more.cdb"}
        self.assertEqual(self.answers(environment, b"ann@example.org"), [NOT_VALID])
        self.assertEqual(self.answers(environment, b"bob@example.org"), [NOT_VALID])
        self.assertEqual(self.answers({}, b"ann@example.org"), ["250 ok"])

    def test_a_file_that_is_missing_lists_nobody(self) -> None:
        """As control_readfile has it; the one of control/ is not read in its place."""
        environment = {"VALIDRCPTTO": "control/none", "MOREVALIDRCPTTO_CDB": "none.cdb"}
        self.assertEqual(self.answers(environment, b"bob@example.org"), ["250 ok"])

    def test_one_that_cannot_be_read_lets_nobody_in(self) -> None:
        """Whom it refuses cannot be told."""
        for environment in ({"MOREVALIDRCPTTO_CDB": "short.cdb"}, {"VALIDRCPTTO": "control"}):
            self.assertEqual(self.answers(environment, b"bob@example.org"), [NO_CONTROLS])

    def test_rules_set_it_for_some(self) -> None:
        """As every variable."""
        rules = {"192.0.2.": {"VALIDRCPTTO": "control/none"}}
        self.assertEqual(self.answers({}, b"bob@example.org", rules), ["250 ok"])
