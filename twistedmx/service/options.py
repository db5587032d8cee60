"""The command line of `twistd twistedmx`: which settings, and what they say otherwise than their file."""

import twisted
from twisted.python import usage

from twistedmx import __version__


class Options(usage.Options):
    """The command line."""

    synopsis = "[--config FILE] [--qmail DIR] [--data DIR] [--port ENDPOINT]... [--tls-port ENDPOINT]..."
    longdesc = (
        "A receiving mail server. Without --config it serves a demo: 127.0.0.1:2525, mailboxes demo@localhost and "
        "postmaster@localhost, everything in ./twistedmx-data.\n\n"
        "Example: twistd -n twistedmx --config /etc/twistedmx/twistedmx.toml\n\n"
        "In place of tcpserver and qmail-smtpd: twistd -n twistedmx --qmail /var/qmail"
    )
    optParameters = [
        ["config", "c", None, "Settings file (TOML); see README.md and docs/settings.md."],
        ["data", "d", None, "Folder of all that the server writes; says otherwise than the settings."],
        ["qmail", "Q", None, "Serve the qmail host in this folder, as /var/qmail; docs/qmail.md."],
    ]
    optFlags = [
        [
            "allow-open-relay",
            None,
            "With --qmail: start without control/rcpthosts, as qmail-smtpd does, for everybody's mail.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["ports"] = []
        self["tls-ports"] = []

    def opt_port(self, endpoint: str) -> None:
        """Listen here instead: a Twisted endpoint string, as tcp:2525:interface=127.0.0.1. May be given several times."""
        self["ports"].append(endpoint)

    opt_p = opt_port

    def opt_tls_port(self, endpoint: str) -> None:
        """The same, where TLS comes first: tcp:4465:interface=127.0.0.1, with the certificate of the settings."""
        self["tls-ports"].append(endpoint)

    def opt_version(self) -> None:
        """Display the versions of twistedmx and of Twisted, and exit."""
        print(f"twistedmx {__version__}, Twisted {twisted.__version__}")
        raise SystemExit(0)
