"""How long a peer is waited for (RFC 5321 4.5.3.2)."""

import attrs

from twistedmx.setting import at_least, setting


@attrs.frozen(kw_only=True)
class Timeouts:
    """Settings `[timeouts]`. For strangers in a crowd the time for a command is `[governor] idle`."""

    command: float = setting(
        300.0,
        unit="seconds",
        why="For a whole command line after our last reply (RFC 5321 4.5.3.2.7: at least 5 minutes); then 421.",
        precedent="Postfix smtpd_timeout 300 s",
        validator=at_least(1),
    )
    content: float = setting(
        180.0,
        unit="seconds",
        why="For the next octets of a message (RFC 5321 4.5.3.2.5: 3 minutes a block); then 421.",
        precedent="Postfix 300 s, RFC 5321 180 s",
        validator=at_least(1),
    )
    minimum_rate: float = setting(
        500.0,
        unit="octets a second",
        why="A message must come in this fast on the whole, after a start of `content` seconds; 0 = any rate.",
        precedent="Postfix smtpd_min_data_rate 500",
        validator=at_least(0),
    )
    handshake: float = setting(
        30.0,
        unit="seconds",
        why="For a TLS handshake, and for the header of the PROXY protocol; then the connection is closed.",
        precedent="Postfix smtpd_starttls_timeout 300 s, 10 s under stress",
        validator=at_least(1),
    )
    closing: float = setting(
        30.0,
        unit="seconds",
        why="For a connection that we have closed to be gone: the peer reads our last words, or ends TLS; then it is cut.",
        precedent="nginx lingering_time 30 s",
        validator=at_least(1),
    )
    linger: float = setting(
        5.0,
        unit="seconds",
        why="After our last word to a peer that is still sending, so that it can read that word (RFC 9112 9.6 tells why).",
        precedent="Apache httpd 2 s after 30, nginx lingering_timeout 5 s",
        validator=at_least(0),
    )
    grace: float = setting(
        10.0,
        unit="seconds",
        why="When the server stops, each session may finish one transaction within this time; then it hears 421.",
        precedent="Dovecot, nginx worker_shutdown_timeout; systemd kills after TimeoutStopSec, 90 s",
        validator=at_least(0),
    )
    followed: float = setting(
        600.0,
        unit="seconds",
        why="After `twistedmx upgrade` the old process serves the sessions that it has for so long; then it stops, with `grace`.",
        precedent="nginx: as long as they last; Postfix, a process serves for some minutes",
        validator=at_least(0),
    )
