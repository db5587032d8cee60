"""The files of the kernel, or of whatever stands in for it in a container."""

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.service.cgroup import figure_of, groups_of, limit_of, number_of, quota_1_of, quota_of
from twistedmx.service.vitals import available_of, runnable_of

_PARSERS = (runnable_of, available_of, number_of, limit_of, quota_of, quota_1_of, figure_of(b"inactive_file"))
_number = st.one_of(
    st.integers(0, 10**22).map(str), st.sampled_from(["-1", "max", "", "0x1", "1e9", "\N{SUPERSCRIPT TWO}"])
)
_word = st.one_of(
    _number,
    st.sampled_from(
        ["MemTotal:", "MemAvailable:", "kB", "inactive_file", "\n", "0.00", "1/88", ":", "0::/", "memory", "\0"]
    ),
)
_octets = st.binary(max_size=60) | st.lists(_word, max_size=8).map(lambda words: " ".join(words).encode())
_plain = st.integers(0, 10**18)
_name = st.from_regex(r"[a-z@.-]{1,8}", fullmatch=True)


class TestAnyOctets(SynchronousTestCase):
    @EXAMPLES
    @given(_octets)
    def test_a_figure_or_a_value_error(self, octets: bytes) -> None:
        """Nothing else is raised, and no figure is negative or no number."""
        for parse in _PARSERS:
            try:
                figure = parse(octets)
            except ValueError:
                continue
            if figure is not None:
                self.assertTrue(math.isfinite(figure) and figure >= 0, f"{parse} {octets!r} {figure}")

    @EXAMPLES
    @given(_octets)
    def test_groups_or_a_value_error(self, octets: bytes) -> None:
        """Each has a path that a file system can be asked for."""
        try:
            groups = groups_of(octets)
        except ValueError:
            return
        for hierarchy, path in groups.values():
            self.assertTrue(path.startswith("/"))
            self.assertNotIn("\0", hierarchy + path)


class TestWhatIsWrittenIsRead(SynchronousTestCase):
    @EXAMPLES
    @given(_plain, _plain, _plain)
    def test_figures(self, one: int, two: int, three: int) -> None:
        """As the kernel writes them, wherever they stand among others."""
        self.assertEqual(number_of(b"%d\n" % one), one)
        self.assertEqual(limit_of(b"%d\n" % one), one if one < 1 << 60 else None)
        self.assertEqual(quota_of(b"%d %d\n" % (one, two + 1)), one / (two + 1))
        stat = b"file %d\ninactive_file %d\ntotal_inactive_file %d\n" % (one, two, three)
        self.assertEqual(figure_of(b"inactive_file")(stat), two)
        self.assertEqual(figure_of(b"total_inactive_file")(stat), three)
        total, available = max(one, 1), min(max(one, 1), two)
        self.assertEqual(
            available_of(b"MemTotal:  %d kB\nMemAvailable:  %d kB\n" % (total, available)), available / total
        )
        running = one % 10**9
        self.assertEqual(runnable_of(b"0.01 10.02 0.00 %d/88 32121\n" % running), running)

    @EXAMPLES
    @given(st.dictionaries(_name, st.lists(_name), max_size=6))
    def test_groups(self, paths: dict[str, list[str]]) -> None:
        """One line for each hierarchy, and of version 2."""
        told = {name: "/" + "/".join(path) for name, path in paths.items()}
        lines = [f"{number}:{name},{name}2:{path}\n" for number, (name, path) in enumerate(told.items(), 1)]
        groups = groups_of("".join([*lines, "0::/a:b\n"]).encode())
        self.assertEqual(groups.pop(""), ("", "/a:b"))
        for name, path in told.items():
            self.assertEqual(groups[f"{name}2"], (f"{name},{name}2", path))
