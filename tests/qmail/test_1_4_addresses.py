"""Addresses as qmail-smtpd takes them."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.addresses import esmtp, parse


class TestParser(SynchronousTestCase):
    def test_an_address_is_what_the_original_makes_of_it(self):
        for argument, address in (
            (b"FROM:<a@x>", b"a@x"),
            (b"anything <a@x>", b"a@x"),
            (b"<a@x>", b"a@x"),
            (b"FROM:<>", b""),
            (b"FROM:<a@x> SIZE=1", b"a@x"),
            (b"FROM:<a@x", b"a@x"),
            (b"FROM:a@x", b"a@x"),
            (b"FROM:   a@x SIZE=1", b"a@x"),
            (b"FROM:< a@x >", b" a@x "),
            (b"a@x", b""),
            (b"x:y:z", b"y:z"),
            (b"FROM:<@r,@s:a@x>", b"a@x"),
            (b"FROM:@r:a@x", b"a@x"),
            (b"FROM:<@r>", b""),
            (b"FROM:<@r:@s:a@x>", b"@s:a@x"),
            (b'FROM:<"a b"@x>', b"a b@x"),
            (b'FROM:<"a>b"@x>', b"a>b@x"),
            (b'FROM:"a b"@x c', b"a b@x"),
            (b"FROM:<a\\>b@x>", b"a>b@x"),
            (b'FROM:<a\\"b@x>', b'a"b@x'),
            (b'FROM:<"a\\"b"@x>', b'a"b@x'),
            (b"FROM:<a\\", b"a"),
            (b"FROM:<a\0b@x>", b"a"),
            (b"FROM:<\xff@x>", b"\xff@x"),
        ):
            self.assertEqual(parse(argument), address, argument)

    def test_with_its_nul_an_address_has_at_most_900_octets(self):
        self.assertEqual(parse(b"<" + b"a" * 899 + b">"), b"a" * 899)
        self.assertIsNone(parse(b"<" + b"a" * 900 + b">"))
        self.assertEqual(parse(b"<@" + b"r" * 2000 + b':"a">'), b"a")

    def test_nothing_behind_the_colon_is_the_null_sender_or_a_syntax_error(self):
        for argument in (b"", b"FROM", b"FROM:"):
            self.assertEqual(parse(argument), b"")
            self.assertIsNone(parse(argument, empty_is_wrong=True))
        self.assertEqual(parse(b"FROM:<>", empty_is_wrong=True), b"")
        self.assertEqual(parse(b"FROM: ", empty_is_wrong=True), b"")

    def test_localiphost_stands_for_an_own_address_in_brackets(self):
        def replaced(argument: bytes) -> bytes | None:
            return parse(argument, localiphost=b"mx.example", is_mine=lambda octets: octets == bytes((192, 0, 2, 1)))

        for argument, address in (
            (b"<a@[192.0.2.1]>", b"a@mx.example"),
            (b"<a@b@[192.0.2.1]>", b"a@b@mx.example"),
            (b"<a@[448.0.2.1]>", b"a@mx.example"),
            (b"<a@[192.0.2.2]>", b"a@[192.0.2.2]"),
            (b"<a@[192.0.2.1]x>", b"a@[192.0.2.1]x"),
            (b"<a@192.0.2.1>", b"a@192.0.2.1"),
            (b"<[192.0.2.1]>", b"[192.0.2.1]"),
            (b"<a@[IPv6:::1]>", b"a@[IPv6:::1]"),
        ):
            self.assertEqual(replaced(argument), address, argument)
        self.assertEqual(parse(b"<a@[192.0.2.1]>"), b"a@[192.0.2.1]")
        long = b"a" * 885
        self.assertEqual(replaced(b"<" + long + b"@[192.0.2.1]>"), long + b"@mx.example")


class TestParameters(SynchronousTestCase):
    def test_what_follows_the_address_is_taken_apart_and_never_wrong(self):
        for argument, parameters in (
            (b"FROM:<a@x> SIZE=100 body=8BITMIME SMTPUTF8", {b"SIZE": b"100", b"BODY": b"8BITMIME", b"SMTPUTF8": None}),
            (b"FROM:<a@x>SIZE=1", {b"SIZE": b"1"}),
            (b"FROM:a@x AUTH=<>", {}),
            (b"FROM:<a@x> AUTH=<>", {b"AUTH": b"<>"}),
            (b"FROM:<a@x> SIZE=1 SIZE=2 =3", {b"SIZE": b"1"}),
            (b'FROM:<"> SIZE=1"@x> SIZE=2', {b"SIZE": b"2"}),
            (b"FROM:<a@x", {}),
            (b"FROM:a@x SIZE=7", {b"SIZE": b"7"}),
            (b"FROM:<@r:a@x> X", {b"X": None}),
            (b"", {}),
        ):
            self.assertEqual(esmtp(argument), parameters, argument)
