"""Any file is settings, or is told why it is none; nothing else comes of it."""

import tomllib

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.settings.sample import Sample
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.listing import as_toml, sections
from twistedmx.settings.secrets import has_secrets
from twistedmx.settings.shape import default_of, is_required, is_single, section_of, table_of
from twistedmx.settings.toml_file import document_in, read_as

_READABLE = {str, int, float, bool, int | str, tuple[str, ...], tuple[int, ...], tuple[float, ...]}


def names(kind):
    """Of every setting and section, wherever."""
    for field in attrs.fields(kind):
        yield field.name
        if inner := section_of(field) or table_of(field):
            yield from names(inner)


KEYS = st.sampled_from(sorted({*names(Settings), *names(Sample)})) | st.text(max_size=8)
SCALARS = (
    st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats()
    | st.booleans()
    | st.text()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from(["json", "tcp:25", "127.0.0.1", "0600", "{domain}/{local}", "http://u:p@h/", ""])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=12
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8)
WORDS = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        "]]",
        "=",
        "\n",
        '"',
        "'",
        "'''",
        ".",
        ",",
        "{",
        "}",
        "#",
        "host",
        "limits",
        "size",
        "1",
        "\\u0041",
    ]
)


class TestAnyDocument(SynchronousTestCase):
    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(DOCUMENTS, st.sampled_from([Settings, Sample]))
    def test_a_document_is_settings_or_faults_a_line_each(self, document, kind):
        """A start, a reload and check-config rely on it."""
        try:
            found = read_as(kind, document, "mx.toml")
        except BadSettings as bad:
            self.assertTrue(bad.faults)
            for fault in bad.faults:
                self.assertTrue(fault.startswith("mx.toml: "), fault)
                self.assertEqual(len(fault.splitlines()), 1, fault)
        else:
            self.assertIs(type(found), kind)

    @settings(deadline=None)
    @given(st.binary() | st.lists(WORDS, max_size=20).map(lambda words: "".join(words).encode()))
    def test_octets_are_a_document_or_a_fault_of_one_line(self, octets):
        """tomllib raises more than its own errors."""
        try:
            document_in(octets)
        except ValueError as error:
            self.assertEqual(len(str(error).splitlines()), 1)

    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "open": st.booleans(),
                "top": st.floats(allow_nan=False, allow_infinity=False)
                | st.integers(min_value=-(2**63), max_value=2**63 - 1),
                "names": st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
                "one": st.fixed_dictionaries(
                    {}, optional={"size": st.integers(min_value=-(2**63), max_value=2**63 - 1)}
                ),
                "many": st.lists(st.fixed_dictionaries({"url": st.text(st.characters(exclude_categories=["Cs"]))})),
            },
        )
    )
    def test_what_is_listed_can_be_read_back(self, document):
        """`twistedmx settings > new.toml` is a file to go on from."""
        try:
            sample = read_as(Sample, document, "mx.toml")
        except BadSettings:
            return
        if not has_secrets(sample):
            text = as_toml(sections(sample))
            self.assertEqual(read_as(Sample, tomllib.loads(text), "again"), sample)


class TestShape(SynchronousTestCase):
    def test_every_setting_is_of_a_type_that_can_be_read(self):
        """A class of a new room with another type would be a traceback at the first file that writes it."""
        for field in all_fields(Settings):
            if is_single(field):
                self.assertIn(field.type, _READABLE, field.name)
                self.assertTrue(field.metadata.get("why"), f"{field.name}: made without twistedmx.setting.setting")

    def test_only_tables_of_arrays_ask_for_a_setting(self):
        """A server starts with nothing written."""
        for kind in all_sections(Settings):
            self.assertEqual([field.name for field in attrs.fields(kind) if is_required(field)], [])

    def test_every_default_is_allowed(self):
        """What the manual shows may be written."""
        for field in all_fields(Settings):
            if is_single(field) and field.validator is not None and not is_required(field):
                field.validator(None, field, default_of(field))


def all_fields(kind):
    for field in attrs.fields(kind):
        yield field
        if inner := section_of(field) or table_of(field):
            yield from all_fields(inner)


def all_sections(kind):
    yield kind
    for field in attrs.fields(kind):
        if inner := section_of(field):
            yield from all_sections(inner)
