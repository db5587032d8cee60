"""Settings of ours as cases add to them: what is written is what ours reads."""

import tomllib

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.peers.toml import joined, text


class TestToml(SynchronousTestCase):
    def test_what_is_written_is_read_again(self):
        """Words, numbers, truths and lists; what has no section stands first, wherever it was given."""
        some = {
            "limits": {"errors": [1, 2, 3], "size": 64},
            "": {"host": 'a "b" \\ ä'},
            "blocklist": {"loopback": True},
        }
        found = tomllib.loads(text(some))
        self.assertEqual(found, {"host": 'a "b" \\ ä', "limits": some["limits"], "blocklist": some["blocklist"]})

    def test_a_case_adds_to_a_section_and_replaces_a_key(self):
        """A section must not be there twice, and the last word is the case's."""
        one, two = {"limits": {"errors": 1, "size": 2}}, {"limits": {"errors": 3}, "load": {"high": 4}}
        self.assertEqual(joined(one, two), {"limits": {"errors": 3, "size": 2}, "load": {"high": 4}})
        self.assertEqual(one, {"limits": {"errors": 1, "size": 2}})
