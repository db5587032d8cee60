"""What machines are told keeps its shape: docs/drill.schema.json."""

import json
from pathlib import Path

import attrs
from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.sample import figures, latencies, starved
from tests.drill.wire import PLAN
from twistedmx.drill.figures import document
from twistedmx.drill.judgement import judge
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.limits import Limits
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
        nothing = starved(seconds=0.0, latencies=Latencies(), own_lag=[], limits=Limits())
        beside_hogs = [attrs.evolve(good, starved=starved()), attrs.evolve(good, limits=Limits(), starved=nothing)]
        for found in (good, bad, attrs.evolve(good, interrupted=True), *beside_hogs):
            self.assertEqual([error.message for error in validator.iter_errors(told(found))], [])

    def test_hogs_are_told_and_judged_by_nothing(self):
        """What a machine does that has too much to do is no fault of the server."""
        lost = latencies(5, 9.0)
        lost.fail("message: RCPT: 421 4.3.2 no place")
        good = figures(PLAN)
        found = attrs.evolve(good, starved=starved(latencies=lost))
        self.assertEqual(told(found)["verdict"], "passed")
        self.assertEqual(told(found)["thresholds"], told(good)["thresholds"])
        self.assertEqual(told(found)["hog"]["legitimate"]["failed"], 1)
        self.assertEqual(
            told(found)["hog"]["governor"],
            {
                "limit_first": 580,
                "limit_highest": 580,
                "limit_lowest": 50,
                "limit_lowest_after": 21.3,
                "limit_last": 50,
                "strangers_most": 570,
                "load_most": 4.9,
            },
        )
        self.assertIsNone(told(good)["hog"])

    def test_what_is_not_in_the_schema_is_not_valid(self):
        """The test above must be able to fail."""
        validator = Draft202012Validator(SCHEMA)
        good = told(figures(PLAN))
        for change in ({"verdict": "well"}, {"more": 1}, {"siege": "1"}, {"server": {}}):
            self.assertFalse(validator.is_valid(good | change), change)
        for name in good:
            self.assertFalse(validator.is_valid({key: value for key, value in good.items() if key != name}), name)
