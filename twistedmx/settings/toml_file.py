"""Settings from a TOML file: every fault of it at once, each with its place, what was found, what to do.

A fault reads "FILE: KEY: what is wrong", with the key as `limits.size`, or `mailboxes.sql[2].query` where the settings are
an array of tables (the first is [0]). Secrets are in no fault.

BUGS: a fault of the values names no line, for tomllib does not say where a value stood. What several settings of a section must be
together is told when each of them is good.
"""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Final, TypeVar, get_args

import attrs

from twistedmx.settings.composed import Settings
from twistedmx.settings.secrets import HIDDEN, is_secret, without_secrets
from twistedmx.settings.shape import Field, dotted, is_required, section_of, table_of
from twistedmx.settings.suggestion import alike, suggestion
from twistedmx.settings.written import written_key

T = TypeVar("T")

# What TOML must give for each type of setting, and what one and several of them are called. Nothing is made to fit: a
# "25" that became 25, or a 1 that became true, would hide a mistake.
_ACCEPTED: Final[Mapping[type, tuple[type, ...]]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_ONE: Final = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
_MANY: Final = {str: "strings", int: "whole numbers", float: "numbers", bool: "true or false"}
_MOST: Final = 2**63  # TOML 1.0 asks for 64 bits; tomllib gives any number of them
_SHOWN: Final = 120  # characters of what was found
_LONGEST: Final = 600  # characters of a fault: validators show what they found whole
_INDEX: Final = re.compile(r"\[\d+\]")
_TABLE: Final = re.compile(r"\b([a-z_]+(?:\.[a-z_]+)*)\[(\d{1,9})\]")
_LONG_NUMBER: Final = re.compile(rb"[0-9][0-9_]{4300,}")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@attrs.frozen(kw_only=True)
class Rest:
    """What is good in settings that have faults. `settings`: with the defaults in place of what could not be read. `unread`: the
    keys of that, "" for the top. `numbers`: by the key of an array of tables, which of those in the file are in `settings`."""

    settings: Settings
    unread: frozenset[str]
    numbers: Mapping[str, Sequence[int]]

    def is_unread(self, key: str) -> bool:
        """Could it, or what it is part of, not be read?"""
        return any(key == other or _is_in(key, other) for other in self.unread)

    def has_unread(self, key: str) -> bool:
        """Could it not be read, or something in it?"""
        return self.is_unread(key) or any(_is_in(other, key) for other in self.unread)

    def numbered(self, line: str) -> str:
        """A line about `settings`, with the numbers that tables have in the file."""
        return _TABLE.sub(self._number, line)

    def _number(self, found: re.Match[str]) -> str:
        numbers, number = self.numbers.get(found[1], ()), int(found[2])
        return f"{found[1]}[{numbers[number]}]" if number < len(numbers) else found[0]


def _is_in(key: str, other: str) -> bool:
    """Is it a part of the section, or of the table, that is `other`?"""
    return not other or (key.startswith(other) and key[len(other) : len(other) + 1] in (".", "["))


class BadSettings(ValueError):
    """The file cannot be used. `faults`: each "file: key: what to do". `rest`: what is good in it, None when that is not known."""

    def __init__(self, faults: list[str], *, rest: Rest | None = None) -> None:
        self.faults = tuple(faults)
        self.rest = rest
        super().__init__("\n".join(faults))


def read_settings(path: str) -> Settings:
    """The settings in the file. Raises BadSettings with all its faults."""
    return settings_from(read_document(path), path)


def read_document(path: str) -> dict[str, Any]:
    """What the file says, not yet judged. Raises BadSettings where it is none of TOML."""
    return document_of(read_octets(path), path)


def read_octets(path: str) -> bytes:
    """The file. Raises BadSettings."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: no path has a NUL
        raise BadSettings([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from None


def document_of(octets: bytes, path: str) -> dict[str, Any]:
    """What a file says that was read already. Raises BadSettings."""
    try:
        return document_in(octets)
    except ValueError as error:
        raise BadSettings([f"{path}: is not TOML: {error}"]) from None


def document_in(octets: bytes) -> dict[str, Any]:
    """What TOML says. Raises ValueError, with line and column."""
    if octets.startswith(_BYTE_ORDER_MARK):
        raise ValueError("a byte order mark (at line 1, column 1): save the file as UTF-8 without one")
    try:
        return tomllib.loads(octets.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"octet 0x{octets[error.start]:02x} is not UTF-8 ({_place(octets, error.start)})") from None
    except tomllib.TOMLDecodeError as error:
        lines = octets.count(b"\n") + (not octets.endswith(b"\n"))
        raise ValueError(str(error).replace("(at end of document)", f"(at the end, line {lines})")) from None
    except RecursionError:
        raise ValueError("lists or tables in one another, more than anybody can read") from None
    except ValueError as error:  # Python turns no text of more than 4300 digits into a number
        number = _LONG_NUMBER.search(octets)
        place = f" ({_place(octets, number.start())})" if number else ""
        raise ValueError(f"{error}{place}") from None


def _place(octets: bytes, offset: int) -> str:
    before = octets[:offset]
    column = len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
    return f"at line {before.count(10) + 1}, column {column}"


def settings_from(document: Mapping[str, Any], source: str) -> Settings:
    """The settings in what TOML gave. `source`: named in every fault. Raises BadSettings."""
    return read_as(Settings, document, source)


def read_as(kind: type[T], document: Mapping[str, Any], source: str) -> T:
    """A `kind`, made of settings as `twistedmx.setting` makes them. Raises BadSettings."""
    reading = _Reading(source, kind)
    settings = reading.section(kind, document, "")
    if reading.faults:
        rest = Rest(settings=settings, unread=frozenset(reading.unread), numbers=reading.numbers)
        raise BadSettings(reading.faults, rest=rest if isinstance(settings, Settings) else None)
    made: T = settings
    return made


class _Reading:
    """One document being read. `root`: the class of all that it may say. `unread`, `numbers`: as `Rest` has them."""

    def __init__(self, source: str, root: type) -> None:
        self.faults: list[str] = []
        self.unread: set[str] = set()
        self.numbers: dict[str, list[int]] = {}
        self._source = source
        self._root = root

    def section(self, kind: type[Any], found: Mapping[str, Any], place: str) -> Any:
        """A `kind` from a table. Where there are more `faults` behind it, made of what is good, or `NOTHING` where it cannot be.
        `place`: the key of the table."""
        before = len(self.faults)
        fields = {field.name: field for field in attrs.fields(kind)}
        values: dict[str, Any] = {}
        for name, value in found.items():
            key = dotted(place, written_key(name))
            if name in fields:
                read = self._value(fields[name], value, key)
                if read is not attrs.NOTHING:
                    values[name] = read
            else:
                meant = suggestion(name, kind, _INDEX.sub("", place), self._root)
                self._fault(key, f"no such setting here; {meant}")
                self.unread.update(dotted(place, near) for near in alike(name, kind))
        for name, field in fields.items():
            if is_required(field) and name not in found:
                self._fault(dotted(place, name), f"is missing, and has no default: {field.metadata['why']}")
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:  # what several settings together must be
            if len(self.faults) == before:
                self._fault(place, str(error))
        return attrs.NOTHING

    def _value(self, field: Field, found: Any, key: str) -> Any:
        section, table = section_of(field), table_of(field)
        if section is not None:
            if isinstance(found, Mapping):
                return self.section(section, found, key)
            self._fault(key, f"is a section; write [{key}] and its settings below it")
        elif table is not None:
            return self._tables(table, found, key)
        else:
            return self._single(field, found, key)
        return attrs.NOTHING

    def _tables(self, kind: type, found: Any, key: str) -> Any:
        if not isinstance(found, list):
            self._fault(key, f"may be there several times; write [[{_INDEX.sub('', key)}]] above the settings of each")
            return attrs.NOTHING
        tables: list[Any] = []
        numbers = self.numbers[key] = []
        for number, table in enumerate(found):
            if isinstance(table, Mapping):
                read = self._table(kind, table, f"{key}[{number}]")
                if read is not attrs.NOTHING:
                    tables.append(read)
                    numbers.append(number)
            else:
                self._fault(
                    f"{key}[{number}]", f"must be a table, is {_shown(table)}; write [[{key}]] and its settings"
                )
        return tuple(tables)

    def _table(self, kind: type, found: Mapping[str, Any], place: str) -> Any:
        """Of an array whose tables are of several kinds, the class says which one it is."""
        kind_of = getattr(kind, "kind_of", None)
        try:
            return self.section(kind_of(found) if kind_of is not None else kind, found, place)
        except ValueError as error:
            self._fault(dotted(place, "name"), str(error))
            return attrs.NOTHING

    def _single(self, field: Field, found: Any, key: str) -> Any:
        try:
            value = _typed(found, field.type, _shown(HIDDEN if is_secret(field) else found))
            if field.validator is not None:
                field.validator(None, field, value)  # alone: the class itself is made when all its settings are good
        except (TypeError, ValueError) as error:
            words = str(error)
            if is_secret(field) and found and isinstance(found, str):
                words = words.replace(repr(found), HIDDEN).replace(found, HIDDEN)
            self._fault(key, words)
            return attrs.NOTHING
        return value

    def _fault(self, key: str, words: str) -> None:
        self.unread.add(key)
        words = without_secrets(words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ...")
        self.faults.append(f"{self._source}: {key}: {words}" if key else f"{self._source}: {words}")


def _typed(found: Any, kind: Any, shown: str) -> Any:
    """What was found as a `kind`. Raises ValueError with what it must be."""
    if kind in _ONE:
        if type(found) not in _ACCEPTED[kind]:
            raise ValueError(f"must be {_ONE[kind]}, is {shown}")
        if isinstance(found, int) and not -_MOST <= found < _MOST:
            raise ValueError(f"must be {_ONE[kind]} of at most 64 bits, is {shown}")
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError(f"must be a number that can be reached, is {shown}")
        return kind(found)
    if isinstance(kind, UnionType):
        for one in get_args(kind):
            if type(found) in _ACCEPTED[one]:
                return _typed(found, one, shown)
        raise ValueError(f"must be {' or '.join(_ONE[one] for one in get_args(kind))}, is {shown}")
    one = get_args(kind)[0]
    if not isinstance(found, list) or any(type(item) not in _ACCEPTED[one] for item in found):
        raise ValueError(f"must be a list of {_MANY[one]}, is {shown}")
    return tuple(_typed(item, one, shown) for item in found)


def _shown(found: Any) -> str:
    """What was found, for the operator who wrote it: on one line, and no more of it than helps."""
    try:
        text = repr(found)
    except (RecursionError, ValueError):  # tables in one another without end; a number of thousands of digits
        return "more than can be shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
