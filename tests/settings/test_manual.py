"""The manual page, of settings of every shape."""

from twisted.trial.unittest import SynchronousTestCase

from tests.settings.sample import Sample
from twistedmx.settings.manual import manual


class TestManual(SynchronousTestCase):
    def test_each_shape_has_its_way_to_be_shown(self):
        """Sections, arrays of tables, what is required, what needs a restart; and TOML's own way to write a default."""
        page = manual(Sample)
        for line in (
            "## `[one]`",
            "## `[[many]]`",
            "| `open` | `false` |  | Is it? |  |",
            "| `names` | `[]` | names | Which. |  |",
            "| `size` | `10_000` | octets | How large. | Postfix \\| others |",
            '| `word` | `""` |  | What it is called. *Restart.* |  |',
            "| `url` | *required* |  | Where to ask. |  |",
            "| `shares` | `[0.5]` |  | Of each. |  |",
        ):
            self.assertIn(f"{line}\n", page)
