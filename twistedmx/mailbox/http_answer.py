"""What an HTTP server says of an address: JSON in the words of `entry.py`, `state` always among them."""

import json
from typing import Final

from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.entry import BadEntry, Entry, read_entry
from twistedmx.mailbox.faults import shown
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.smtp.path import Path

MOST_OCTETS: Final = 65_536


def read_answer(octets: bytes, *, asked: Path, template: MaildirTemplate, case: CaseRules) -> Entry:
    """The entry in the body of a 200. `octets`: anything. `asked`: keyed. Raises BadEntry."""
    if len(octets) > MOST_OCTETS:
        raise BadEntry(f"the answer has more than {MOST_OCTETS} octets")
    try:
        answer = _loaded(octets)
    except ValueError:
        raise BadEntry(f"the answer is no JSON: {shown(octets)}") from None
    if not isinstance(answer, dict):
        raise BadEntry(f"the answer is no JSON object: {shown(octets)}")
    if not answer.get("state"):  # else any object, of an error too, would be a mailbox
        raise BadEntry(f"the answer has no state: {shown(octets)}")
    return read_entry(answer, asked=asked, template=template, key_of=case.key_of)


def is_object(octets: bytes) -> bool:
    """Whether it is a JSON object, as the server of users answers, and not the page of somebody between."""
    try:
        return len(octets) <= MOST_OCTETS and isinstance(_loaded(octets), dict)
    except ValueError:
        return False


def _loaded(octets: bytes) -> object:
    """Raises ValueError: also for bad UTF-8, a number of too many digits, a nest too deep."""
    try:
        return json.loads(octets)
    except RecursionError as error:
        raise ValueError(str(error)) from None
