"""What holds for any octets whatever. Each target says its invariant in the first sentence of its docstring.

The examples are the same in every run (`derandomize`): a build that was green stays green until the code changes. To look for
more, set TWISTEDMX_EXAMPLES to 10000, and `derandomize` to False.
"""

from hypothesis import HealthCheck, settings

EXAMPLES = settings(
    max_examples=3 * settings.default.max_examples,
    derandomize=True,
    deadline=None,  # a slow machine is no fault of the code
    database=None,
    report_multiple_bugs=False,  # trial shows one error, not a group of them
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors],
)
