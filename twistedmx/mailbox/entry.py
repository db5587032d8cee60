"""What a source says of one address, in the words that a row of SQL and an answer in JSON share.

| word | what it says |
| --- | --- |
| state | active (also when it is absent), disabled, over-quota, unknown |
| maildir | the absolute path of its Maildir; absent: made from `[mailboxes] maildir` |
| address | the mailbox's own address, where another one led to it; absent: the one that was asked for |
| owner | the system user whose file the copy becomes; absent: the server's own |
| alias | addresses that mail goes to instead: text with commas, or a list |
| reject | a refusal in the operator's own words, as in a table of mailboxes |

Absent, NULL and empty are one. What contradicts itself is a fault, never half obeyed.
"""

import posixpath
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.mailbox.faults import shown
from twistedmx.mailbox.refusal import parse_refusal
from twistedmx.mailbox.template import MaildirTemplate, UnsafeName, check_maildir
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import BadPath, Path, parse_path

WORDS: Final = ("state", "maildir", "address", "owner", "alias", "reject")
_STATES: Final = {"active": None, "disabled": DISABLED, "over-quota": OVER_QUOTA, "unknown": UNKNOWN}
_MOST_TARGETS: Final = 1000


class BadEntry(ValueError):
    """A source says what cannot be obeyed. The text is for the operator."""


@attrs.frozen(kw_only=True)
class Entry:
    """`targets`: the addresses that mail goes to instead. `lookup`: without targets the answer itself, UNKNOWN where there is
    no entry; with them the address's own mailbox, which is what it means among its own targets."""

    lookup: Lookup
    targets: tuple[Path, ...] = ()


NO_ENTRY: Final = Entry(lookup=UNKNOWN)


def read_entry(
    written: Mapping[str, object], *, asked: Path, template: MaildirTemplate, key_of: Callable[[Path], bytes]
) -> Entry:
    """The entry for `asked`, which is a key read as a path. `written`: what the source says, other words are left alone.

    Raises BadEntry.
    """
    state = _text(written, "state") or "active"
    if state not in _STATES:
        raise BadEntry(f"state is {shown(state)}; expected one of {', '.join(_STATES)}")
    targets = _targets(written, key_of)
    refusal = _text(written, "reject")
    if refusal and targets:
        raise BadEntry("reject and alias contradict each other; leave one of them empty")
    lookup = _STATES[state]
    if lookup is UNKNOWN:
        return NO_ENTRY
    if lookup is not None:
        return Entry(lookup=lookup)
    if refusal:
        try:
            return Entry(lookup=Lookup(outcome=Outcome.REFUSED, reply=parse_refusal(refusal)))
        except ValueError as wrong:
            raise BadEntry(f"reject is {shown(refusal)}: {wrong}") from None
    own = UNKNOWN if targets and asked not in targets else _mailbox(written, asked, template, key_of)
    return Entry(lookup=own, targets=targets)


def _mailbox(
    written: Mapping[str, object], asked: Path, template: MaildirTemplate, key_of: Callable[[Path], bytes]
) -> Lookup:
    canonical = _text(written, "address")
    address, own = asked.address, asked
    if canonical:
        parsed = _address(canonical, "address")
        address, own = parsed.address, keyed(parsed, key_of)
    if not own.local_part:
        raise BadEntry("the entry for all other addresses of a domain needs an alias, or the address of a mailbox")
    maildir = _text(written, "maildir")
    try:
        if maildir:
            check_maildir(maildir)
            maildir = "/" + posixpath.normpath(maildir).lstrip("/")
        else:
            maildir = template.maildir(own.local_part.decode(), own.domain.decode())
    except UnsafeName as wrong:
        raise BadEntry(f"no Maildir at {shown(maildir or own.address)}: {wrong}") from None
    owner = _text(written, "owner")
    if owner == "root" or not owner.isprintable():
        raise BadEntry(f"owner is {shown(owner)}; mail is never delivered as root: name the mailbox's own user")
    destination = Destination(address=address, maildir=maildir, owner=owner)
    return Lookup(outcome=Outcome.FOUND, destinations=(destination,))


def keyed(path: Path, key_of: Callable[[Path], bytes]) -> Path:
    """`path` as it is compared: its key, read as a path. The domain in A-labels, the local part in lower case unless case
    matters there."""
    key = key_of(path)
    # No A-label and no address-literal has an "@"; a quoted local part may.
    return Path(address=key, domain=key.rpartition(b"@")[2] if b"@" in key else b"")


def _targets(written: Mapping[str, object], key_of: Callable[[Path], bytes]) -> tuple[Path, ...]:
    value = written.get("alias")
    # A quoted local part that has a comma needs a list.
    items = value if isinstance(value, list | tuple) else _text(written, "alias").split(",")
    targets: dict[Path, None] = {}
    for item in items:
        if not isinstance(item, str):
            raise BadEntry(f"alias holds a value of type {type(item).__name__}; expected addresses as text")
        if item.strip():
            targets[keyed(_address(item.strip(), "alias"), key_of)] = None
    if len(targets) > _MOST_TARGETS:
        raise BadEntry(f"alias has {len(targets)} addresses; {_MOST_TARGETS} are the most")
    return tuple(targets)


def _address(text: str, word: str) -> Path:
    try:
        path = parse_path(text.encode("utf-8", "surrogateescape"))
    except (BadPath, UnicodeEncodeError) as wrong:
        raise BadEntry(f"{word} has {shown(text)}: {wrong}") from None
    if not path.domain:
        raise BadEntry(f"{word} has {shown(text)}; expected local-part@domain")
    return path


def _text(written: Mapping[str, object], word: str) -> str:
    value = written.get(word)
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:  # half a pair of surrogates, which JSON can write, or octets that a database held
            raise BadEntry(f"{word} is {shown(value)}, which is not UTF-8") from None
        return value.strip()
    raise BadEntry(f"{word} is a value of type {type(value).__name__}; expected text")
