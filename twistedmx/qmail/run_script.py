"""The run script of a qmail-smtpd (supervise, runit), read line by line: nothing in it is run.

What it exports, and which programs it puts one behind the other before qmail-smtpd, with tcpserver's flags. `id -u NAME`,
`cat FILE` and `head -1 FILE`, which most of them ask, are known by their words. What stands in an `if` or a loop, or behind `&&`,
may come to pass or not.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from twistedmx.qmail.chain import CHAIN, SMTPDS, TCPSERVER, with_value
from twistedmx.qmail.lists import first_line
from twistedmx.qmail.shell_words import MOST_OCTETS, Printed, ShellCommand, Word, commands

_OPENS: Final = frozenset(("if", "case", "for", "while", "until"))
_CLOSES: Final = frozenset(("fi", "esac", "done"))
_BESIDE: Final = frozenset(("then", "else", "elif", "do", "{", "}", "!", "time"))
_EXPORTS: Final = frozenset(("export", "declare", "typeset"))
_OF_A_NAME: Final = frozenset(("envdir", "setuidgid", "envuidgid"))  # what stands behind them is a folder or a user
_MOST: Final = 1_000  # exports, and flags
_assigns = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=").match
_prints = re.compile(r"(id -[ug]n?|cat|head -(?:n ?)?1) +([^\s;|&<>$`'\"]+)").fullmatch
_LONGEST: Final = 1_024  # octets of a file that a script prints


@attrs.frozen(kw_only=True)
class Export:
    """A variable of the environment. `value`: None where only a run of the script would tell it. `certain`: whether it stands in no
    condition. `line`: from 1."""

    line: int
    name: str
    value: str | None
    shown: str
    certain: bool


@attrs.frozen(kw_only=True)
class Step:
    """A program of those that end with qmail-smtpd, or one flag of tcpserver. `name`: of the program, without its folder. `flag`:
    as "-x", "" for the program itself. `value`: of the flag, or the program's other words; as far as they are known."""

    line: int
    name: str
    flag: str = ""
    value: str = ""

    @property
    def asked(self) -> str:
        """Of a value that a command prints, what it would: of `$(id -u vpopmail)` the name, of `$(cat FILE)` the first line that
        FILE has now. Else the value as it is."""
        found = _prints(self.value[2:-1]) if self.value.startswith("$(") else None
        if found is None:
            return self.value
        return found[2] if found[1].startswith("id") else _first_line(found[2]) or self.value


@attrs.frozen(kw_only=True)
class RunScript:
    """What was found. `unread`: lines that take variables from elsewhere: (line, words)."""

    file: str
    exports: tuple[Export, ...] = ()
    steps: tuple[Step, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()

    def flag(self, letter: str) -> Step | None:
        """The last one of tcpserver's, which counts; None where it is not there."""
        return next((step for step in reversed(self.steps) if step.flag == f"-{letter}"), None)


class BadScript(ValueError):
    """It cannot be read. The text names it, says why and what to do."""


def read_run_script(path: str) -> RunScript:
    """Raises BadScript."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadScript(f"{path}: cannot be read: {why}; name the run script, as /service/qmail-smtpd/run") from None
    if len(octets) > MOST_OCTETS:
        raise BadScript(f"{path}: is longer than {MOST_OCTETS} octets, and no run script; name the one of qmail-smtpd")
    return parse_run_script(octets, path)


def parse_run_script(octets: bytes, file: str) -> RunScript:
    """Of any octets. Never fails."""
    return _Reading(file).read(octets)


class _Reading:
    """One pass over its commands."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._variables: dict[str, Word] = {}
        self._exports: dict[str, Export] = {}
        self._steps: list[Step] = []
        self._unread: list[tuple[int, str]] = []
        self._depth = 0
        self._may_be = False
        self._all = False  # set -a

    def read(self, octets: bytes) -> RunScript:
        for command in commands(os.fsdecode(octets.replace(b"\0", b""))):  # no variable can have a NUL
            self._may_be = command.may_be
            self._command(command.line, self._behind_keywords(command))
            if max(len(self._exports), len(self._steps), len(self._unread)) >= _MOST:
                break
        return RunScript(
            file=self._file,
            exports=tuple(self._exports.values()),
            steps=tuple(self._steps),
            unread=tuple(self._unread),
        )

    def _behind_keywords(self, command: ShellCommand) -> Sequence[Word]:
        words = command.words
        while words:
            keyword = words[0].text
            if keyword in _OPENS:
                self._depth += 1
            elif keyword in _CLOSES:
                self._depth = max(self._depth - 1, 0)
            elif keyword not in _BESIDE:
                break
            words = () if keyword in ("case", "for") else words[1:]
        return words

    def _command(self, line: int, words: Sequence[Word]) -> None:
        assigned: list[tuple[str, Word]] = []
        while words and (found := _assignment(words[0])) is not None:
            name, value = found
            assigned.append((name, value.expanded(self._variables)))
            words = words[1:]
        if not words:
            for name, value in assigned:
                self._set(line, name, value)
            return
        called = words[0].text or ""
        if called == "readonly":
            words, called = words[1:], ""
        if called in _EXPORTS:
            self._export(line, words[1:], exports=called == "export" or any("x" in _flag(word) for word in words[1:]))
        elif called == "unset":
            for word in words[1:]:
                self._exports.pop(word.shown, None)
                self._variables.pop(word.shown, None)
        elif called == "set":
            self._all = self._all or any("a" in _flag(word) for word in words[1:])
        elif called in (".", "source"):
            self._unread.append((line, " ".join(word.shown for word in words)))
        else:
            self._chain(line, assigned, [word.expanded(self._variables) for word in words])

    def _set(self, line: int, name: str, value: Word, *, exports: bool = False) -> None:
        self._variables[name] = value
        if exports or self._all or name in self._exports:
            self._exports[name] = Export(
                line=line, name=name, value=value.text, shown=value.shown, certain=not (self._depth or self._may_be)
            )

    def _export(self, line: int, words: Sequence[Word], *, exports: bool) -> None:
        for word in words:
            found = _assignment(word)
            name = word.shown if found is None else found[0]
            if found is not None:
                self._set(line, name, found[1].expanded(self._variables), exports=exports)
            elif exports and not _flag(word) and name in self._variables:
                self._set(line, name, self._variables[name], exports=True)

    def _chain(self, line: int, assigned: Sequence[tuple[str, Word]], words: Sequence[Word]) -> None:
        names = [os.path.basename(word.shown) for word in words]
        # The folder of `envdir ./env` is no program.
        places = [
            place
            for place, name in enumerate(names)
            if name in CHAIN and not (place and names[place - 1] in _OF_A_NAME)
        ]
        if not places or not any(name in TCPSERVER or name in SMTPDS for name in names):
            return
        for name, value in assigned:
            self._set(line, name, value, exports=True)
        for place, end in zip(places, (*places[1:], len(words)), strict=True):
            name, behind = names[place], [word.shown for word in words[place + 1 : end]]
            for word in words[place + 1 : end] if name == "env" else ():
                found = _assignment(word)
                if found is not None:
                    self._set(line, *found, exports=True)
            if name in TCPSERVER:
                self._steps.append(Step(line=line, name=name))
                self._steps += _flags(line, name, behind)
                continue
            self._steps.append(Step(line=line, name=name, value=" ".join(behind)))
            if name == "envdir":
                self._unread.append((line, f"envdir {behind[0] if behind else ''}".rstrip()))


def _first_line(path: str) -> str:
    """ "" where it cannot be read, or is no ordinary file's."""
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            return os.fsdecode(first_line(file.read(_LONGEST)))
    except (OSError, ValueError):
        return ""


def _assignment(word: Word) -> tuple[str, Word] | None:
    first = word.pieces[0]
    found = None if isinstance(first, Printed) else _assigns(first.text)
    return None if found is None else (found[1], word.behind(found.end()))


def _flag(word: Word) -> str:
    """Its letters; "" where it is none."""
    text = word.text or ""
    return text[1:] if text.startswith("-") else ""


def _flags(line: int, name: str, words: Sequence[str]) -> Iterator[Step]:
    """As getopt(3) reads them, then host and port."""
    valued = with_value(name)
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        letters = rest.pop(0)[1:]
        if letters == "-":
            break
        while letters:
            letter, letters = letters[0], letters[1:]
            value = ""
            if letter in valued:
                value = letters or (rest.pop(0) if rest else "")
                letters = ""
            yield Step(line=line, name=name, flag=f"-{letter}", value=value)
    if len(rest) >= 2:
        yield Step(line=line, name=name, flag="host port", value=f"{rest[0]} {rest[1]}")
