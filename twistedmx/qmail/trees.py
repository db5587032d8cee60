"""Which qmail it is whose drop-in we are: the releases and the patched tree that speak otherwise in places where clients, operators
and readers of logs can see it.

| tree     | what it is                                                                            |
|----------|---------------------------------------------------------------------------------------|
| notqmail | notqmail 1.09 and later, unpatched                                                    |
| netqmail | netqmail 1.05 and 1.06, unpatched                                                     |
| sagredo  | netqmail 1.06 with the patches of sagredo-dev/qmail, chkuser 2.0.9, as on vpopmail hosts |
"""

from typing import Final

import attrs

from twistedmx.smtp.reply import Reply, reply


@attrs.frozen(kw_only=True)
class Tree:
    """`unknown`: what an unknown verb is answered. `help`: HELP. `stray_lf`: a bare LF in content, the end.

    `lists_are_patterns`: control/badmailfrom and its like hold regular expressions. `extends`: EHLO says SIZE and SMTPUTF8, and
    MAIL's parameters are read. `null_needs_colon`: MAIL without anything behind its colon is refused. `brackets`: "[" and "]" stay
    in the Received field. `tells_protocol`: Received says ESMTPS, ESMTPA and so on, in local time, and hides who may relay.
    """

    name: str
    unknown: Reply
    help: Reply
    stray_lf: Reply
    lists_are_patterns: bool = False
    extends: bool = False
    null_needs_colon: bool = False
    brackets: bool = False
    tells_protocol: bool = False


UNIMPLEMENTED: Final = reply(502, "", "unimplemented (#5.5.1)")
_LF: Final = reply(451, "", "See https://cr.yp.to/docs/smtplf.html.", closes=True)

TREES: Final = {
    tree.name: tree
    for tree in (
        Tree(
            name="notqmail",
            unknown=UNIMPLEMENTED,
            help=reply(214, "", "notqmail home page: https://notqmail.org"),
            stray_lf=_LF,
            brackets=True,
        ),
        Tree(
            name="netqmail",
            unknown=UNIMPLEMENTED,
            help=reply(214, "", "netqmail home page: http://qmail.org/netqmail"),
            stray_lf=reply(451, "", "See http://pobox.com/~djb/docs/smtplf.html.", closes=True),
        ),
        Tree(
            name="sagredo",
            unknown=reply(500, "", "unrecognised (#5.5.2)"),
            help=reply(214, "", "Roberto's qmail notes home page: https://www.sagredo.eu"),
            stray_lf=_LF,
            lists_are_patterns=True,
            extends=True,
            null_needs_colon=True,
            tells_protocol=True,
        ),
    )
}
