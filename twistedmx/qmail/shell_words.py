"""The words of a shell script, as sh(1) would split them: read, and never run.

Quotes, backslashes, comments, lines that go on, here-documents and redirections are understood; `$NAME` and what a command would
print stay what they are, for who reads to know, or not to know. Of a script that is none something comes out, too.

BUGS: no arithmetic, no functions, no patterns; a `)` of a case is taken for the end of a command, which does no harm here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

MOST_OCTETS: Final = 65_536  # of a script
_MOST_PIECES: Final = 64  # of a word after all its variables: A=$A$A grows by doubling
_ENDS: Final = "\n;&|()"
_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").match


@attrs.frozen
class Literal:
    """It is what it says."""

    text: str


@attrs.frozen
class Variable:
    """`$NAME`, or `${NAME}`."""

    name: str

    @property
    def text(self) -> str:
        return f"${self.name}"


@attrs.frozen
class Printed:
    """What a command prints, or another expansion: `source` as it stands between its brackets or backquotes."""

    source: str

    @property
    def text(self) -> str:
        return f"$({self.source})"


Piece = Literal | Variable | Printed


@attrs.frozen
class Word:
    """One word of a command. `pieces`: side by side."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str | None:
        """What it is; None where only who runs the script knows."""
        return "".join(each.text for each in self.pieces) if self.is_known else None

    @property
    def shown(self) -> str:
        """For people: with `$` before what is not known."""
        return "".join(each.text for each in self.pieces)

    @property
    def is_known(self) -> bool:
        return all(isinstance(each, Literal) for each in self.pieces)

    def expanded(self, variables: Mapping[str, "Word"]) -> "Word":
        """With what is known of its variables in their place."""
        pieces: list[Piece] = []
        for each in self.pieces:
            known = variables.get(each.name) if isinstance(each, Variable) else None
            pieces += known.pieces if known is not None else (each,)
        return Word(tuple(pieces)) if len(pieces) <= _MOST_PIECES else self

    def behind(self, characters: int) -> "Word":
        """Without its first `characters`, all of which are in the first piece."""
        first, *rest = self.pieces
        return Word((Literal(first.text[characters:]), *rest))


@attrs.frozen(kw_only=True)
class ShellCommand:
    """One simple command: `words`, at least one. `line`: on which it begins, from 1. `may_be`: it stands behind `&&` or `||`."""

    line: int
    may_be: bool = False
    words: tuple[Word, ...]


def commands(text: str) -> Iterator[ShellCommand]:
    """Those of a script, in their order."""
    return _Reading(text).commands()


class _Reading:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._documents: list[str] = []  # delimiters of here-documents, which begin with the next line

    def commands(self) -> Iterator[ShellCommand]:
        words: list[Word] = []
        line = self._line
        may_be = False
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in _ENDS:
                if words:
                    yield ShellCommand(line=line, may_be=may_be, words=tuple(words))
                    may_be = False
                words = []
                if self._text.startswith(("&&", "||"), self._at):
                    may_be = True
                    self._step()
                elif character == ";":
                    may_be = False
                self._step()
                if character == "\n":
                    self._skip_documents()
            elif character in " \t\r" or self._text.startswith("\\\n", self._at):
                self._step(2 if character == "\\" else 1)
            elif character == "#":
                self._until("\n")
            elif character in "<>":
                self._redirection(words)
            else:
                if not words:
                    line = self._line
                words.append(self._word())
        if words:
            yield ShellCommand(line=line, may_be=may_be, words=tuple(words))

    def _step(self, characters: int = 1) -> str:
        taken = self._text[self._at : self._at + characters]
        self._line += taken.count("\n")
        self._at += characters
        return taken

    def _until(self, end: str) -> str:
        """Up to `end`, which stays; all where there is none."""
        found = self._text.find(end, self._at)
        return self._step((found if found >= 0 else len(self._text)) - self._at)

    def _redirection(self, words: list[Word]) -> None:
        if words and self._text[self._at - 1].isdigit() and (words[-1].text or "").isdigit():
            words.pop()  # "2" of 2>&1
        begun = self._at
        while self._at < len(self._text) and self._text[self._at] in "<>&|-":
            self._step()
        is_document = self._text.startswith("<<", begun) and not self._text.startswith("<<<", begun)
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._step()
        if self._at < len(self._text) and self._text[self._at] not in _ENDS + "<>":
            target = self._word().text
            if is_document and target:
                self._documents.append(target)

    def _skip_documents(self) -> None:
        for delimiter in self._documents:
            while self._at < len(self._text):
                line = self._until("\n")
                self._step()
                if line.lstrip("\t") == delimiter:
                    break
        self._documents.clear()

    def _word(self) -> Word:
        pieces: list[Piece] = []
        literal: list[str] = []

        def expansion(piece: Piece) -> None:
            if literal:
                pieces.append(Literal("".join(literal)))
                literal.clear()
            pieces.append(piece)

        quoted = False
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                quoted = not quoted
                self._step()
            elif character == "\\":
                literal.append(self._escaped(quoted=quoted))
            elif character == "`":
                self._step()
                expansion(Printed(self._until("`").strip()))
                self._step()
            elif character == "$":
                found = self._dollar()
                if isinstance(found, Literal):
                    literal.append(found.text)
                else:
                    expansion(found)
            elif not quoted and character == "'":
                self._step()
                literal.append(self._until("'"))
                self._step()
            elif not quoted and character in _ENDS + " \t\r<>":
                break
            else:
                literal.append(self._step())
        return Word((*pieces, Literal("".join(literal))) if literal or not pieces else tuple(pieces))

    def _escaped(self, *, quoted: bool) -> str:
        self._step()
        following = self._step()
        if following == "\n":
            return ""
        return f"\\{following}" if quoted and following not in '$`"\\' else following

    def _dollar(self) -> Piece:
        self._step()
        if self._text.startswith("(", self._at):
            return Printed(self._bracketed("(", ")").strip())
        if self._text.startswith("{", self._at):
            inside = self._bracketed("{", "}")
            named = _name(inside)
            is_name = named is not None and named[0] == inside
            return Variable(inside) if is_name else Printed(f"{{{inside}}}")
        named = _name(self._text, self._at)
        if named is not None:
            return Variable(self._step(len(named[0])))
        following = self._text[self._at : self._at + 1]
        if following and following in "0123456789?$!#@*-":
            return Variable(self._step())
        return Literal("$")

    def _bracketed(self, opens: str, closes: str) -> str:
        begun = self._at + 1
        depth = 0
        while self._at < len(self._text):
            character = self._step()
            depth += (character == opens) - (character == closes)
            if not depth:
                return self._text[begun : self._at - 1]
        return self._text[begun:]
