"""The server with nothing configured: two mailboxes on localhost, everything in one folder, a certificate of its own.

The folder is made at the first start and found at the next; what is in it is never overwritten.
"""

import os
import sys
from typing import Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IListeningPort

from twistedmx.net.tls import TlsSettings, make_demo_certificate
from twistedmx.settings import Settings
from twistedmx.settings.composed import MailboxSettings

_HOST: Final = "localhost"
_MAILBOXES: Final = ("demo", "postmaster")
_TABLE: Final = """\
# Mailboxes of the demo, one a line. An edit is live at the next connection: try it.
# What else may stand here: docs/mailboxes.md
postmaster@localhost
demo@localhost
"""


def settings(data: str, now: float) -> Settings:
    """The demo's settings, with its folder made where it is missing. `now`: seconds since the epoch. Raises OSError."""
    data = os.path.abspath(data)
    table = os.path.join(data, "mailboxes")
    certificate = os.path.join(data, "demo.pem")
    os.makedirs(data, mode=0o700, exist_ok=True)
    for name in _MAILBOXES:
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(data, "mail", _HOST, name, folder), mode=0o700, exist_ok=True)
    if not os.path.exists(table):
        with open(table, "w", encoding="utf-8") as file:
            file.write(_TABLE)
    if not os.path.exists(certificate):
        make_demo_certificate(certificate, _HOST, now)
    return Settings(
        host=_HOST, data=data, mailboxes=MailboxSettings(table=table), tls=TlsSettings(certificate=certificate)
    )


def words(settings: Settings, port: IListeningPort) -> list[str]:
    """What a newcomer wants to know, in lines."""
    address = port.getHost()
    mail = os.path.join(settings.data, "mail", _HOST)
    lines = [
        f"demo: mail for {' and '.join(f'{name}@{_HOST}' for name in _MAILBOXES)} goes to {mail}/",
        f"demo: the mailboxes are listed in {settings.mailboxes.table}",
    ]
    if isinstance(address, IPv4Address | IPv6Address) and settings.listen[0].startswith("tcp"):
        lines += [
            "demo: send a first message with",
            f"    {sys.executable} -c \"import smtplib; smtplib.SMTP('{address.host}', {address.port}).sendmail("
            "'me@example.org', 'demo@localhost', 'Subject: hello\\r\\n\\r\\nIt works.\\r\\n')\"",
            f"demo: and read it with: cat {mail}/demo/new/*",
        ]
    return lines
