"""What machines are told keeps its shape: docs/drill.schema.json."""

import json
from pathlib import Path

import attrs
from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.sample import figures
from tests.drill.wire import PLAN
from twistedmx.drill.figures import document
from twistedmx.drill.judgement import judge
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.thresholds import read_thresholds

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "drill.schema.json").read_text(encoding="utf-8"))


def told(found):
    return json.loads(json.dumps(document(found, judge(found, read_thresholds().siege_1), ("a hint",))))


class TestDocument(SynchronousTestCase):
    def test_it_is_what_the_schema_says(self):
        """Who judges drills by machine can rely on it: a key that goes or changes its kind breaks this."""
        Draft202012Validator.check_schema(SCHEMA)
        validator = Draft202012Validator(SCHEMA)
        good = figures(PLAN)
        bad = attrs.evolve(good, attack=Latencies(), resident_before=None, resident_most=None, own_lag=[], alive=False)
        bad.attack.fail("message: closed")
        for found in (good, bad, attrs.evolve(good, interrupted=True)):
            self.assertEqual([error.message for error in validator.iter_errors(told(found))], [])

    def test_what_is_not_in_the_schema_is_not_valid(self):
        """The test above must be able to fail."""
        validator = Draft202012Validator(SCHEMA)
        good = told(figures(PLAN))
        for change in ({"verdict": "well"}, {"more": 1}, {"siege": "1"}, {"server": {}}):
            self.assertFalse(validator.is_valid(good | change), change)
        for name in good:
            self.assertFalse(validator.is_valid({key: value for key, value in good.items() if key != name}), name)
