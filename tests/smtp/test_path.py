"""Paths: what is taken, what it becomes, what is refused with which words."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.path import NULL, POSTMASTER, BadPath, check_domain, parse_path, quoted_if_needed

LABEL = b"a" * 63


class TestTaken(SynchronousTestCase):
    def test_addresses_and_what_they_become(self):
        """RFC 5321 4.1.2; the source route is read and forgotten (appendix C), quotes go where nothing needs them."""
        for octets, address, domain in (
            (b"a@b", b"a@b", b"b"),
            (b"John.Doe+x@Example.ORG", b"John.Doe+x@Example.ORG", b"Example.ORG"),
            (b"!#$%&'*+-/=?^_`{|}~@x", b"!#$%&'*+-/=?^_`{|}~@x", b"x"),
            (b"@r.example:a@b", b"a@b", b"b"),
            (b"@r.example,@s.example:a@b", b"a@b", b"b"),
            (b'"john"@x', b"john@x", b"x"),
            (b'"jo\\hn"@x', b"john@x", b"x"),
            (b'"a b"@x', b'"a b"@x', b"x"),
            (b'"a\\"b"@x', b'"a\\"b"@x', b"x"),
            (b'"a@b"@x', b'"a@b"@x', b"x"),
            (b'"a."@x', b'"a."@x', b"x"),
            (b'""@x', b'""@x', b"x"),
            (b"a@[192.0.2.1]", b"a@[192.0.2.1]", b"[192.0.2.1]"),
            (b"a@[IPv6:2001:db8::1]", b"a@[IPv6:2001:db8::1]", b"[IPv6:2001:db8::1]"),
            (b"a@win_pc", b"a@win_pc", b"win_pc"),
            ("jürgen@bücher.example".encode(), "jürgen@bücher.example".encode(), "bücher.example".encode()),
            (b"v" * 200 + b"@x", b"v" * 200 + b"@x", b"x"),
            (b"a@" + b".".join([LABEL] * 3) + b".b", b"a@" + b".".join([LABEL] * 3) + b".b", None),
        ):
            path = parse_path(octets)
            self.assertEqual(path.address, address)
            self.assertEqual(path.domain, domain or address[2:])

    def test_nothing_is_the_null_reverse_path(self):
        """RFC 5321 4.5.5: bounces come from it."""
        self.assertIs(parse_path(b""), NULL)

    def test_postmaster_needs_no_domain_in_any_case(self):
        """RFC 5321 4.1.1.3, 2.3.5."""
        for octets in (b"postmaster", b"Postmaster", b"POSTMASTER"):
            self.assertIs(parse_path(octets), POSTMASTER)

    def test_the_local_part_is_without_quotes(self):
        """A Maildir is named by what its owner is called."""
        for octets, local in (
            (b"a.b@x", b"a.b"),
            (b'"a b"@x', b"a b"),
            (b'"a\\"\\\\b"@x', b'a"\\b'),
            (b'"@"@x', b"@"),
            (b"postmaster", b"postmaster"),
            (b"", b""),
        ):
            self.assertEqual(parse_path(octets).local_part, local)

    def test_the_key_is_in_lower_case(self):
        """Tables are asked with it."""
        self.assertEqual(parse_path(b"Ann@EXAMPLE.org").key, b"ann@example.org")

    def test_quotes_come_only_where_needed(self):
        """RFC 5321 4.1.2: a sender SHOULD use Dot-string where it can."""
        for local, written in (
            (b"a.b", b"a.b"),
            (b"a..b", b'"a..b"'),
            (b".a", b'".a"'),
            (b"", b'""'),
            (b'"', b'"\\""'),
        ):
            self.assertEqual(quoted_if_needed(local), written)


class TestRefused(SynchronousTestCase):
    def test_what_is_no_address(self):
        """Each of these has been seen to open a door in some server."""
        for octets in (
            b"a",
            b"@x",
            b"a@",
            b"a@@x",
            b"a@b@c",
            b"a b@x",
            b".a@x",
            b"a.@x",
            b"a..b@x",
            b'"a@x',
            b'a"b@x',
            b'"a"b@x',
            b'"a\x01"@x',
            b'"a\\',
            b"a@-x",
            b"a@x-",
            b"a@x.",
            b"a@.x",
            b"a@x..y",
            b"a@x y",
            b"a@x/y",
            b"a@[192.0.2]",
            b"a@[192.0.2.256]",
            b"a@[2001:db8::1]",
            b"a@[IPv6:192.0.2.1]",
            b"a@[IPv6:fe80::1%eth0]",
            b"a@[tag:x]",
            b"a@[]",
            b"a@[192.0.2.1",
            b"a\0@x",
            b"a\r\n@x",
            b"a@x\n",
            b"\xff@x",
            b"a@\xc3",
            b"@r:",
            b"@r.example",
            b"@r:postmaster",
            b"@:a@b",
            b"<a@b>",
            b"a@" + b"a" * 64,
            b"a@" + b".".join([LABEL] * 4) + b".b",
        ):
            try:
                path = parse_path(octets)
            except BadPath as bad:
                self.assertTrue(str(bad).isprintable())
            else:
                self.fail(f"{octets!r} was taken as {path}")

    def test_a_domain_alone_is_judged_in_the_same_way(self):
        """HELO and the settings use it."""
        for domain in (b"x", b"mx.example.org", b"[192.0.2.1]", b"[IPv6:::1]", LABEL + b".x"):
            check_domain(domain)
        for domain in (b"", b".", b"x.", b"-x", b"a b", b"[x]", LABEL + b"a", b"x\r\n", b"x\0"):
            self.assertRaises(BadPath, check_domain, domain)
