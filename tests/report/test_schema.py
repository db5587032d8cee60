"""Every line in JSON is what docs/log.schema.json says, and every field of it is in docs/log.md."""

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import EVENTS
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.fields import FIELDS
from twistedmx.report.log import Log, LogSettings

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "log.schema.json").read_text(encoding="utf-8"))
TYPES = {"string": "string", "integer": "integer", "number": "number", "array": "list of strings"}


def lines():
    written = []
    log = Log(LogSettings(format="json"), written.append, stamped=True)
    for event in EVENTS:
        log(event)
    return [json.loads(line) for line in written]


def rows(event):
    """The table of an event in the manual: name, (type, unit)."""
    manual = (DOCS / "log.md").read_text(encoding="utf-8")
    section = manual.split(f"\n## {event}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| ?([\w ]*?) ?\|", section, re.MULTILINE)
    return [(name, (kind, unit)) for name, kind, unit in found]


def said(field):
    """What the schema says of a field: (type, unit)."""
    return TYPES[field.get("type", "string")], field.get("unit", "")


class TestSchema(SynchronousTestCase):
    def test_every_line_is_valid_and_of_exactly_one_kind(self):
        """Who reads the log by machine can rely on it."""
        validator = Draft202012Validator(SCHEMA)
        Draft202012Validator.check_schema(SCHEMA)
        for line in lines():
            self.assertEqual([error.message for error in validator.iter_errors(line)], [])

    def test_what_is_no_line_of_ours_is_not_valid(self):
        """The test above must be able to fail."""
        validator = Draft202012Validator(SCHEMA)
        good = lines()[0]
        for change in ({"reason": "whim"}, {"octets": "many"}, {"event": "party"}, {"extra": 1}, {"time": "now"}):
            self.assertFalse(validator.is_valid(good | change), change)

    def test_the_events_here_are_all_that_are_lines(self):
        """An event that is forgotten in the tests is forgotten in the schema as well."""
        self.assertEqual({type(event) for event in EVENTS} & set(FIELDS), set(FIELDS))
        kinds = {alternative["$ref"].rpartition("/")[2] for alternative in SCHEMA["oneOf"]}
        self.assertEqual({line["event"] for line in lines()}, kinds)

    def test_words_of_closed_lists_are_the_codes(self):
        """A new reason is a new word in the schema."""
        definitions = SCHEMA["$defs"]
        self.assertEqual(definitions["reason"]["enum"], [reason.value for reason in Reason])
        verdicts = definitions["transaction"]["properties"]["verdict"]["enum"]
        said = [action.value for action in Action if action is not Action.CONTINUE]
        self.assertEqual(verdicts, [*said, "none"])
        self.assertEqual(definitions["stage"]["enum"], [stage.value for stage in Stage])

    def test_the_manual_has_each_field_in_its_order_with_type_and_unit(self):
        """Neither more nor less."""
        for line in lines():
            properties = SCHEMA["$defs"][line["event"]]["properties"]
            self.assertEqual(list(line), list(properties))
            fields = [(name, said(field)) for name, field in properties.items() if name not in ("time", "event")]
            self.assertEqual(rows(line["event"]), fields)
