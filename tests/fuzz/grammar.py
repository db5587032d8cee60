"""Octets that look like SMTP: what noise would reach once in an age, these reach in every other example."""

from hypothesis import strategies as st

ADDRESSES = (
    b"demo@example.org",
    b"ann@example.org",
    b"both@example.org",
    b"nobody@example.org",
    b"x@elsewhere.example",
    b"postmaster",
    b"Demo@EXAMPLE.org",
    b'"a b"@example.org',
    b'"demo"@example.org',
    b"demo@[192.0.2.1]",
    b"demo@[IPv6:2001:db8::1]",
    b"@relay.example:demo@example.org",
    "jürgen@example.org".encode(),
    b"disabled@example.org",
    b"full@example.org",
    b"gone@example.org",
    b"",
    b"<>",
    b"a@b@c",
    b"demo@example..org",
)
PARAMETERS = (
    b"",
    b"",
    b"",
    b" SIZE=100",
    b" SIZE=999999999",
    b" BODY=8BITMIME",
    b" SMTPUTF8",
    b" SMTPUTF8 RET=HDRS ENVID=a+2Bb",
    b" NOTIFY=NEVER",
    b" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b",
    b" SIZE=1 SIZE=2",
    b" X=1",
    b"  ",
    b"junk",
)
_addresses = st.sampled_from(ADDRESSES)
_parameters = st.sampled_from(PARAMETERS)
_mail = st.builds(lambda address, more: b"MAIL FROM:<" + address + b">" + more + b"\r\n", _addresses, _parameters)
_rcpt = st.builds(lambda address, more: b"RCPT TO:<" + address + b">" + more + b"\r\n", _addresses, _parameters)
_rcpt_first = st.builds(lambda address: b"rcpt to: <" + address + b">\r\n", st.sampled_from(ADDRESSES[:3]))

_simple = st.sampled_from(
    [
        b"EHLO client.example\r\n",
        b"HELO client.example\r\n",
        b"EHLO [192.0.2.9]\r\n",
        b"EHLO\r\n",
        b"EHLO -\r\n",
        b"DATA\r\n",
        b"DATA now\r\n",
        b"RSET\r\n",
        b"NOOP what you say\r\n",
        b"VRFY demo\r\n",
        b"HELP\r\n",
        b"QUIT\r\n",
        b"EXPN list\r\n",
        b"AUTH PLAIN xyz\r\n",
        b"XCLIENT ADDR=198.51.100.9 NAME=client.example\r\n",
        b"xclient addr=IPV6:2001:db8::9 port=[unavailable]\r\n",
        b"XCLIENT ADDR=nowhere\r\n",
        b"XCLIENT\r\n",
        b"GET / HTTP/1.1\r\n",
        b"XYZZY\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"NOOP\n",
        b"NOOP\rx\r\n",
        b"NO\x00OP\r\n",
        b"NOOP \xff\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"x" * 60,
        b"NOOP " + b"y" * 600 + b"\r\n",
        b"MAIL FROM:<" + b"z" * 505 + b"@example.org>\r\n",
    ]
)

# Line ends and dots in every order that has ever smuggled a message.
TEXT_PIECES = (
    b"\r\n.\r\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n..\r\n",
    b"\r\n...",
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"..",
    b"\r\r\n",
    b"\n\n",
    b"a",
    b"Hello",
    b"Received: from x\r\n",
    b"Delivered-To: demo@example.org\r\n",
    b"\x00\xff",
    b"x" * 30,
)
text = st.lists(st.sampled_from(TEXT_PIECES), max_size=8).map(b"".join)
_clean = st.lists(st.sampled_from([b"a", b"..b", b"\r\n", b"x" * 20]), max_size=5).map(b"".join)

_data = st.builds(lambda body, end: b"DATA\r\n" + body + end, text, st.sampled_from([b"\r\n.\r\n", b"\r\n.\r\n", b""]))


def _chunk(body: bytes, wrong: int, last: bool) -> bytes:
    size = max(0, len(body) + wrong)
    return b"BDAT %d%s\r\n" % (size, b" LAST" if last else b"") + body


_bdat = st.one_of(
    st.builds(_chunk, text | _clean, st.just(0), st.booleans()),
    st.builds(_chunk, text, st.sampled_from([-3, -1, 1, 2]), st.booleans()),
    st.sampled_from([b"BDAT\r\n", b"BDAT x LAST\r\n", b"BDAT 0 LAST\r\n", b"BDAT 0\r\n", b"BDAT 99999999999 LAST\r\n"]),
)
HELLO = b"EHLO client.example\r\n"
_clean_data = st.builds(lambda body: b"DATA\r\n" + body + b"\r\n.\r\n", _clean)
_clean_bdat = st.builds(
    lambda first, second: _chunk(first, 0, False) + _chunk(second, 0, True), _clean, _clean
) | st.builds(_chunk, _clean, st.just(0), st.just(True))
_transaction = st.builds(
    lambda mail, rcpts, body: mail + b"".join(rcpts) + body,
    st.sampled_from([b"MAIL FROM:<a@b.example>\r\n", b"MAIL FROM:<a@b.example> SMTPUTF8\r\n", b"mail from:<>\r\n"]),
    st.lists(_rcpt_first | _rcpt_first | _rcpt, min_size=1, max_size=3),
    st.one_of(
        _clean_data, _clean_data, _clean_bdat, _data, _bdat, st.lists(_bdat, min_size=2, max_size=4).map(b"".join)
    ),
)
_noise = st.binary(max_size=20)


def transactions(*, max_size: int = 4) -> st.SearchStrategy[bytes]:
    """What a decent client sends after EHLO: messages, most of them good, and now and then a command between them."""
    between = st.one_of(st.just(b""), st.just(b""), st.just(b"RSET\r\n"), st.just(b"NOOP\r\n"), _simple, _rcpt, _mail)
    return st.lists(st.builds(bytes.__add__, _transaction, between), max_size=max_size).map(b"".join)


# The lines of an exchange (RFC 4954 4), good ones and bad.
_auth = st.sampled_from(
    [
        b"AUTH PLAIN AGRlbW8Ac2VjcmV0\r\n",
        b"auth plain\r\n",
        b"AUTH PLAIN =\r\n",
        b"AUTH LOGIN\r\n",
        b"AUTH LOGIN ZGVtbw==\r\n",
        b"AUTH CRAM-MD5\r\n",
        b"AUTH DIGEST-MD5\r\n",
        b"AUTH\r\n",
        b"AGRlbW8Ac2VjcmV0\r\n",
        b"ZGVtbw==\r\n",
        b"c2VjcmV0\r\n",
        b"*\r\n",
        b"no base64\r\n",
        b"ZGVtbw==\n",
        b"A" * 12_286 + b"\r\n",
        b"A" * 12_287 + b"\r\n",
        b"MAIL FROM:<a@b.example> AUTH=<>\r\n",
    ]
)


def exchanges() -> st.SearchStrategy[bytes]:
    """AUTH between other things."""
    pieces = st.one_of(
        _auth, _auth, _auth, _simple, _mail, _rcpt, _clean_data, st.sampled_from([HELLO, b"STARTTLS\r\n"])
    )
    return st.lists(pieces, min_size=1, max_size=8).map(b"".join)


def octets(*, starttls: bool = False, max_size: int = 8) -> st.SearchStrategy[bytes]:
    """What a client may send: decent sessions, bad ones, and things that are none."""
    pieces = [_transaction, _transaction, _simple, _mail, _rcpt, _data, _bdat, text, _noise, st.just(HELLO)]
    if starttls:
        pieces.append(st.just(b"STARTTLS\r\n"))
    wild = st.lists(st.one_of(pieces), max_size=max_size).map(b"".join)
    decent = transactions().map(HELLO.__add__)
    return st.one_of(decent, decent, st.builds(bytes.__add__, decent, wild), wild)
