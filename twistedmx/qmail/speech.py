"""The site of a connection: ours, by the terms of the connection; and in qmail's dialect with what qmail-smtpd says of itself.

What a peer hears is changed in three places, the last of which speaks last:

    House.said              words of qmail get a status code, in our own dialect
    QmailReceiver._around   what plugins have printed is put around a reply
    QmailSession._said      in qmail's dialect, each reply of ours that `words_of` knows becomes qmail-smtpd's

`QmailHost.words` is the third for who has no session: `twistedmx rcpt`.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from twistedmx.policy.auth import Auth
from twistedmx.policy.site import Site
from twistedmx.qmail.dialect import qmail_dialect
from twistedmx.qmail.terms import Terms
from twistedmx.qmail.words import greeting, words_of
from twistedmx.smtp import xclient as xclient_
from twistedmx.smtp.dialect import Dialect
from twistedmx.smtp.reply import Reply, reply

# Octets with CRLF ends are at most twice those with LF ends: what is counted here is never short of what databytes counts.
_CRLF: Final = 2
_SPARE: Final = 65_536


@attrs.frozen(kw_only=True)
class QmailSite(Site):
    """In qmail's dialect. `terms`: of the connection. `dialect`, `words`: of its session."""

    terms: Terms
    greeting: Reply = attrs.field(init=False)
    dialect: Dialect = attrs.field(init=False)
    words: Mapping[Reply, Reply] = attrs.field(init=False)

    @greeting.default
    def _make_qmail_greeting(self) -> Reply:
        return greeting(self.terms.greeting)

    @dialect.default
    def _make_dialect(self) -> Dialect:
        terms = self.terms
        return qmail_dialect(terms.sender, terms.address, terms.parameters)

    @words.default
    def _make_words(self) -> Mapping[Reply, Reply]:
        return words_of(self.terms.tree, self.terms.greeting)

    def _may_auth(self, secure: bool, authenticated: bool) -> bool:
        return not authenticated and (secure or (self.auth is not None and self.auth.plain_text))

    def ehlo(self, *, secure: bool, xclient: bool, authenticated: bool = False) -> Reply:
        extends = self.terms.tree.extends
        return reply(
            250,
            "",
            self.terms.greeting,
            *(["STARTTLS"] if self.starttls and not secure else []),
            "PIPELINING",
            *(["SMTPUTF8"] if extends else []),
            "8BITMIME",
            *([self.auth.keyword] if self.auth is not None and self._may_auth(secure, authenticated) else []),
            *([f"SIZE {self.terms.databytes}"] if extends else []),
            *([xclient_.OFFERED] if xclient else []),
        )


def site_of(site: Site, terms: Terms, auth: Auth | None, *, largest: int, in_qmail_dialect: bool) -> Site:
    """`site` is that of the settings: what the host's files do not say is as it has it. `auth`: what is offered.
    `largest`: octets of a message where databytes has no limit."""
    most = terms.maxrcpt or site.limits.recipients
    host = terms.greeting if in_qmail_dialect else (terms.greeting.split() or [site.host])[0]
    how = {field.name: getattr(site, field.name) for field in attrs.fields(Site) if field.init} | {
        "host": host,
        "limits": attrs.evolve(
            site.limits,
            size=_CRLF * terms.databytes + _SPARE if terms.databytes else largest,
            recipients=most,
            null_sender_recipients=most,
        ),
        "conduct": attrs.evolve(
            site.conduct,
            greeting=max(site.conduct.greeting, terms.greetdelay),
            early_talk=site.conduct.early_talk and (terms.early_talk or not terms.greetdelay),
        ),
        "starttls": terms.starttls,
        "auth": auth,
        "announced": terms.databytes,
    }
    return QmailSite(**how, terms=terms) if in_qmail_dialect else Site(**how)
