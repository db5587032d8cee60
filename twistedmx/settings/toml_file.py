"""Settings from a TOML file: every fault of it at once, each with its place, what was found, what to do."""

import difflib
import math
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError

from twistedmx.settings.composed import Settings

T = TypeVar("T")

_converter = Converter()
_WORDS = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _strictly(kinds: tuple[type, ...], exact: type) -> None:
    def structure(value: Any, _: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"must be {_WORDS[exact]}, is {value!r}")
        if value in (math.inf, -math.inf) or value != value:
            raise ValueError(f"must be a number that can be reached, is {value!r}")
        return exact(value)

    _converter.register_structure_hook(exact, structure)


# cattrs would turn "25" into 25 and 1 into True; in a settings file that hides mistakes.
_strictly((str,), str)
_strictly((int,), int)
_strictly((int, float), float)
_strictly((bool,), bool)


def _list_of_strings(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(type(item) is str for item in value):
        raise TypeError(f"must be a list of strings, is {value!r}")
    return tuple(value)


_converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _list_of_strings)


class BadSettings(ValueError):
    """The file cannot be used. `faults`: each "file: key: what to do"."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def read_settings(path: str) -> Settings:
    """The settings in the file. Raises BadSettings with all its faults."""
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise BadSettings([f"{path}: cannot be read: {error.strerror}"]) from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # of bad TOML, bad UTF-8, a number of too many digits; too deep a nest
        raise BadSettings([f"{path}: is not TOML: {error}"]) from None
    return settings_from(document, path)


def settings_from(document: Mapping[str, Any], source: str) -> Settings:
    """The settings in what TOML gave. `source`: named in every fault. Raises BadSettings."""
    faults: list[str] = []
    settings = _section(Settings, document, f"{source}: ", faults)
    if faults or settings is None:
        raise BadSettings(faults)
    return settings


def _section(kind: type[T], found: Mapping[str, Any], place: str, faults: list[str]) -> T | None:
    """A `kind` from a table of TOML; None and more `faults` where it cannot be made. `place`: what stands before a key."""
    fields = {field.name: field for field in attrs.fields(kind)}  # type: ignore[arg-type]  # kinds are attrs classes
    before = len(faults)
    values: dict[str, Any] = {}
    for key, value in found.items():
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            meant = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(fields)}"
            faults.append(f"{place}{key}: no such setting; {meant}")
        elif attrs.has(fields[key].type or object):
            if isinstance(value, Mapping):
                values[key] = _section(fields[key].type, value, f"{place}{key}.", faults)
            else:
                faults.append(f"{place}{key}: is a section; write [{key}] and its settings below it")
        else:
            try:
                values[key] = _converter.structure(value, fields[key].type)
                kind(**{key: values[key]})  # asks the field's validator
            except BaseValidationError as error:
                faults.extend(f"{place}{key}: {inner}" for inner in error.exceptions)
            except (TypeError, ValueError, OverflowError) as error:
                faults.append(f"{place}{key}: {error}")
    return kind(**values) if len(faults) == before else None
