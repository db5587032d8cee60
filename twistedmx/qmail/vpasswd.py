"""A user of vpopmail as its vpasswd has him, and what a quota there means.

    name ":" crypt ":" uid ":" gid ":" gecos ":" dir ":" quota [ ":" clear ]

In vpasswd.cdb the key is the name, the data is the rest of the line. `gid` is no group: its bits are what the user may not do.
A quota is "NOQUOTA", or as vpopmail.c reads it: limits with commas between, octets ("1048576S", "1024K", "10MB") or messages
("1000C").

BUGS: the limits of a domain (.qmailadmin-limits) are not looked at; none of them is about mail that comes in.
"""

import enum
import re
from typing import Final

import attrs

_FIELDS: Final = 6  # of the rest of a line; the quota may be missing
_limit = re.compile(rb"\s*([0-9]{1,18})([kKmM]?)[bB]?([sS]|)|\s*([0-9]{1,18})C").fullmatch
_NUMBER: Final = re.compile(rb"[0-9]{1,10}")
_TIMES: Final = {b"": 1, b"k": 1024, b"m": 1024 * 1024}
# vpopmail.c, is_username_valid: what vdelivermail delivers to. Anything else it bounces.
_is_name = re.compile(rb"[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]{1,255}").fullmatch


class Flag(enum.IntFlag):
    """Bits of `gid` (vpopmail.h)."""

    NO_PASSWORD_CHANGE = 0x01
    NO_POP = 0x02
    NO_WEBMAIL = 0x04
    NO_IMAP = 0x08
    BOUNCE_MAIL = 0x10
    NO_RELAY = 0x20
    NO_DIALUP = 0x40
    NO_SMTP = 0x800


class BadEntry(ValueError):
    """No line of a vpasswd. The text, the end of a sentence, repeats nothing of it: there are passwords."""


@attrs.frozen(kw_only=True)
class Quota:
    """0 for no limit."""

    octets: int = 0
    messages: int = 0

    def percent(self, octets: int, messages: int) -> int:
        """How full that is, by whichever limit is nearer; 0 without a limit, never below 0."""
        shares = [100 * used // most for used, most in ((octets, self.octets), (messages, self.messages)) if most]
        return max(0, *shares) if shares else 0


NO_QUOTA: Final = Quota()


@attrs.frozen(kw_only=True)
class Entry:
    """`flags`: may have bits that are not named. `home`: absolute path, or b"" where vdelivermail makes it of the first mail."""

    name: bytes
    flags: Flag
    home: bytes
    quota: Quota


def is_user_name(name: bytes) -> bool:
    """Could a user have it?"""
    return _is_name(name) is not None


def parse_entry(name: bytes, rest: bytes) -> Entry:
    """Of a line, what is behind `name` and its colon. Raises BadEntry."""
    fields = rest.rstrip(b"\r\n").split(b":")
    if len(fields) < _FIELDS - 1:
        raise BadEntry(f"has {len(fields) + 1} fields, and not name:password:uid:gid:gecos:dir:quota")
    bits, home = fields[2], fields[4]
    if not _NUMBER.fullmatch(bits):
        raise BadEntry("has a gid that is no number")
    if (home and not home.startswith(b"/")) or b"\0" in home:
        raise BadEntry("has a dir that is no absolute path")
    quota = fields[5] if len(fields) >= _FIELDS else b""
    return Entry(name=name, flags=Flag(int(bits)), home=home.rstrip(b"/"), quota=parse_quota(quota))


def parse_quota(text: bytes) -> Quota:
    """Never raises: what cannot be read is no limit, as in vpopmail. Of two limits of a kind the last one counts."""
    octets = messages = 0
    for part in text.split(b",") if text != b"NOQUOTA" else ():
        found = _limit(part)
        if found is None:
            continue
        if found[4] is not None:
            messages = int(found[4])
        else:
            octets = int(found[1]) * _TIMES[found[2].lower()]
    return Quota(octets=octets, messages=messages)


def parse_vpasswd(text: bytes) -> dict[bytes, bytes]:
    """Each name, and the rest of its line; of two lines with a name the first one counts, as in the cdb. Never raises."""
    entries: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        name, colon, rest = line.partition(b":")
        if colon and name:
            entries.setdefault(name, rest)
    return entries
