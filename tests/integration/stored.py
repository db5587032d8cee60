"""What is in a Maildir, as octets: the tests compare the message under our trace fields with what was sent."""

import os
import re

_TRACE = re.compile(
    rb"Return-Path: <[^\n]*>\n"
    rb"Delivered-To: [^\n]+\n"
    rb"Received: from [^\n]+\n(?:\t[^\n]+\n)*?\t\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\n"
)


def under_trace(octets: bytes) -> bytes:
    """The message without what we wrote above it. Raises AssertionError where that is not whole."""
    found = _TRACE.match(octets)
    if found is None:
        raise AssertionError(f"no trace fields at the beginning: {octets[:400]!r}")
    return octets[found.end() :]


def files(maildir: str, part: str) -> list[str]:
    """Paths of the files in `new`, `cur` or `tmp`, sorted. A missing folder has none."""
    folder = os.path.join(maildir, part)
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)) if os.path.isdir(folder) else []


def messages(maildir: str) -> list[bytes]:
    """What lies in `new`, whole, in the order of the names."""
    found = []
    for path in files(maildir, "new"):
        with open(path, "rb") as file:
            found.append(file.read())
    return found


def contents(maildir: str) -> list[bytes]:
    """The same under the trace fields."""
    return [under_trace(message) for message in messages(maildir)]
