"""What must not be shown: passwords and tokens, wherever an operator may have to write them.

A setting is secret by its mark or its name; a text, by a URL with a password, an assignment as in a connection string of
PostgreSQL, or an HTTP header. Where it is not certain what is a secret, more is hidden rather than less.

BUGS: a secret that looks like any other word, in a setting that is not marked, is shown.
"""

import re
from typing import Any, Final

import attrs

from twistedmx.settings.shape import Field, section_of, table_of

HIDDEN: Final = "(secret)"

_WORD: Final = r"[\w-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|credentials?)"
_NAME: Final = re.compile(_WORD, re.IGNORECASE)
_IN_TEXT: Final = (
    # postgresql://user:password@host, up to the last @ of the word: a password may have one
    (re.compile(r"(://[^\s:/@]*:)\S*(?=@)"), rf"\1{HIDDEN}"),
    # https://token@host
    (re.compile(r"(https?://)[^\s:/@]+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # password=x, password='x y', ?api_key=x
    (re.compile(rf"(\b{_WORD}\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"([?&](?:key|sig|signature|auth)=)[^\s&]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # Authorization: Bearer x
    (re.compile(r"(\b(?:bearer|basic)\s+)[^\s'\",]+", re.IGNORECASE), rf"\1{HIDDEN}"),
)


def is_secret(field: Field) -> bool:
    """Is all of its value a secret?"""
    return bool(field.metadata.get("secret") or _NAME.fullmatch(field.name))


def names_secret_file(name: str) -> bool:
    """Is a setting of this name the path of a file with a secret in it: password_file, token_file?"""
    return name.endswith("_file") and _NAME.fullmatch(name.removesuffix("_file")) is not None


def without_secrets(text: str) -> str:
    """The text with each secret in it hidden."""
    for pattern, hidden in _IN_TEXT:
        text = pattern.sub(hidden, text)
    return text


def showable(field: Field, value: Any) -> Any:
    """The value as it may be shown. An empty one is shown: it says that there is none."""
    if isinstance(value, tuple):
        return tuple(showable(field, item) for item in value)
    if is_secret(field) and value not in ("", 0):
        return HIDDEN
    return without_secrets(value) if isinstance(value, str) else value


def has_secrets(settings: Any) -> bool:
    """Is there one anywhere in these settings?"""
    for field in attrs.fields(type(settings)):
        value = getattr(settings, field.name)
        if section_of(field) is not None:
            found = has_secrets(value)
        elif table_of(field) is not None:
            found = any(map(has_secrets, value))
        else:
            found = showable(field, value) != value
        if found:
            return True
    return False
