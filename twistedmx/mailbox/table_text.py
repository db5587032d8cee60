r"""The text format of a table of mailboxes: one entry a line, fields separated by white space.

    entry   = subject [ keyword [ values ] ] [ comment ]      subject, keyword, values: separated by spaces or tabs
    values  = address *( "," address )                        of alias
            / text                                            of the others: the rest of the line
    comment = "#" anything                                    at the start of the line or after white space

No keyword means mailbox. White space, "," and "#" are nothing special between double quotes, so that quoted local parts
hold them; a quote that nobody closes runs to the end of the line.
UTF-8, with or without a byte order mark; lines end in LF or CRLF.

BUGS: a path with " #" in it cannot be written; the TOML format can.
"""

import re

from twistedmx.mailbox.draft import Draft
from twistedmx.mailbox.faults import shown

# A quote that nobody closes runs to the end. No octet may begin two alternatives, so that matching stays linear; possessive
# groups would say the same, but not to Python 3.11.2 (see smtp.path).
_QUOTED = rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_comment_free = re.compile(rb"(?:" + _QUOTED + rb'|[^#"]|(?<=[^ \t])#)*', re.DOTALL).match
_entry = re.compile(rb"((?:" + _QUOTED + rb'|[^ \t"])+)(?:[ \t]+([^ \t]+))?(?:[ \t]+(.+))?', re.DOTALL).fullmatch
_items = re.compile(rb"(?:^|,)((?:" + _QUOTED + rb'|[^,"])*)', re.DOTALL).findall
_BLANK = b" \t"


def read_text(octets: bytes, draft: Draft) -> None:
    """Give `draft` the entries and the faults of a table. `octets`: anything."""
    lines = octets.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    is_utf8 = _is_utf8(octets)
    for number, whole_line in enumerate(lines, 1):
        line = whole_line.removesuffix(b"\r")
        if not is_utf8 and not _is_utf8(line):
            draft.fault(number, f"{shown(line)}, which is not UTF-8", "UTF-8", "save the file in UTF-8")
            continue
        if b"#" in line:
            line = _comment_part_removed(line)
        line = line.strip(_BLANK)
        if b" " not in line and b"\t" not in line:
            if line:
                draft.take_mailbox(number, line)
            continue
        found = _entry(line)
        assert found is not None, "a line that is not blank has a first field"  # noqa: S101 -- for mypy
        subject, keyword, rest = found.groups()
        if rest is None and keyword in (None, b"mailbox"):
            draft.take_mailbox(number, subject)
        elif rest is not None and keyword == b"alias":
            draft.take(number, subject, keyword, tuple(item.strip(_BLANK) for item in _items(rest)))
        else:
            draft.take(number, subject, keyword, () if rest is None else (rest,))


def _comment_part_removed(line: bytes) -> bytes:
    found = _comment_free(line)
    return found[0] if found is not None else line


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
