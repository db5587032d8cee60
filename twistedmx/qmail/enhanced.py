"""qmail's replies with their status codes where RFC 2034 has them: qmail-smtpd puts them in brackets behind its words."""

import re
from functools import lru_cache

from twistedmx.smtp.reply import Reply, reply

_coded = re.compile(r"(.*?) ?\(#([245]\.\d{1,3}\.\d{1,3})\) ?").fullmatch


@lru_cache(maxsize=256)
def enhanced(words: Reply) -> Reply:
    """`550 sorry (#5.7.1)` as `550 5.7.1 sorry`. As they are, where there is no code, one already, or one of another class."""
    found = _coded(words.lines[0]) if words.lines and not words.enhanced else None
    if found is None or found[2][0] != str(words.code)[0]:
        return words
    return reply(words.code, found[2], found[1], *words.lines[1:], closes=words.closes)
