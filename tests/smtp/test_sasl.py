"""The mechanisms of AUTH: what RFCs 2195, 4616 and 4954 have as examples, and what is none of it."""

from base64 import b64decode, b64encode

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.sasl import CRAM_MD5, LOGIN, PLAIN, Cancelled, Challenge, Credentials, Malformed, begin, encoded


def plain(octets):
    return begin(PLAIN, b64encode(octets), b"")


class TestExamples(SynchronousTestCase):
    def test_plain_of_rfc_4616(self):
        """4: without an authorization identity. The example with one asks to act for somebody else, which nobody here may."""
        found = plain(b"\0tim\0tanstaaftanstaaf")
        self.assertEqual(found, Credentials(mechanism=PLAIN, user=b"tim", password=b"tanstaaftanstaaf"))
        self.assertIsInstance(plain(b"Ursel\0Kurt\0xipj3plmq"), Malformed)
        self.assertIsInstance(plain(b"Kurt\0Kurt\0xipj3plmq"), Credentials)

    def test_plain_of_rfc_4954(self):
        """4.1: an empty challenge, then all at once."""
        asked = begin(PLAIN, None, b"")
        self.assertEqual((type(asked), asked.octets), (Challenge, b""))
        found = asked.exchange.step(b"dGVzdAB0ZXN0ADEyMzQ=")
        self.assertEqual((found.user, found.password), (b"test", b"1234"))

    def test_cram_md5_of_rfc_2195(self):
        """2: Tim, with his digest of a challenge."""
        challenge = b"<1896.697170952@postoffice.reston.mci.net>"
        asked = begin(CRAM_MD5, None, challenge)
        self.assertEqual(encoded(asked.octets), "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
        found = asked.exchange.step(b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")
        digest = b"b913a602c7eda7a495b4e6e7334d3890"
        self.assertEqual(found, Credentials(mechanism=CRAM_MD5, user=b"tim", password=digest, challenge=challenge))

    def test_login(self):
        """Both words as most clients look for them: some compare them."""
        asked = begin(LOGIN, None, b"")
        self.assertEqual(encoded(asked.octets), "VXNlcm5hbWU6")
        asked = asked.exchange.step(b64encode(b"ann"))
        self.assertEqual(encoded(asked.octets), "UGFzc3dvcmQ6")
        self.assertEqual(asked.exchange.step(b64encode(b"*")), Credentials(mechanism=LOGIN, user=b"ann", password=b"*"))
        self.assertEqual(begin(LOGIN, b64encode(b"ann"), b""), asked)


class TestOthers(SynchronousTestCase):
    def test_a_star_gives_up(self):
        """RFC 4954 4: at every step, and not in the command line, where it is no base64."""
        asked = begin(LOGIN, b64encode(b"ann"), b"")
        for exchange in (asked.exchange, begin(PLAIN, None, b"").exchange, begin(CRAM_MD5, None, b"<1@x>").exchange):
            self.assertEqual(exchange.step(b"*"), Cancelled())
        self.assertEqual(begin(PLAIN, b"*", b""), Malformed())

    def test_what_is_not_base64_to_the_last_bit_is_malformed(self):
        """RFC 4648 3.5: two spellings of one password are a way to try it twice past whoever counts."""
        good = b64encode(b"\0ann\0secre")
        self.assertIsInstance(begin(PLAIN, good, b""), Credentials)
        for bad in (
            good.rstrip(b"="),
            good + b"=",
            good + b"\r",
            good[:4] + b" " + good[4:],
            b"-_" + good,
            good + good,
        ):
            self.assertEqual(begin(PLAIN, bad, b""), Malformed(), bad)
        self.assertEqual(b64decode(b"QR=="), b64decode(b"QQ=="))
        self.assertEqual(begin(LOGIN, b"QR==", b""), Malformed())

    def test_nul_and_nothing_are_no_credentials(self):
        """A check program takes NUL for the end of a part: `ann NUL` would be ann with a password that the client chose."""
        for octets in (
            b"",
            b"\0",
            b"\0\0",
            b"\0ann\0",
            b"\0\0secret",
            b"\0ann\0sec\0ret",
            b"ann\0secret",
            b"\0a\0b\0c\0d",
        ):
            self.assertEqual(plain(octets), Malformed(), octets)
        self.assertEqual(begin(LOGIN, b64encode(b"an\0n"), b""), Malformed())
        self.assertEqual(begin(LOGIN, b"=", b""), Malformed())
        asked = begin(LOGIN, b64encode(b"ann"), b"")
        for octets in (b"", b"sec\0ret"):
            self.assertEqual(asked.exchange.step(b64encode(octets)), Malformed())

    def test_a_name_has_so_many_octets(self):
        """RFC 4616 2: 255 must be taken."""
        self.assertIsInstance(plain(b"\0" + b"x" * 255 + b"\0secret"), Credentials)
        self.assertIsInstance(plain(b"\0" + b"x" * 256 + b"\0secret"), Malformed)

    def test_the_server_speaks_first_in_cram_md5(self):
        """RFC 4954 4: an initial response is a fault of the client then, an empty one too."""
        for initial in (b"=", b64encode(b"ann " + b"0f" * 16)):
            self.assertEqual(begin(CRAM_MD5, initial, b"<1@x>"), Malformed())

    def test_a_digest_is_one_of_md5_in_any_case(self):
        """And stands behind the last space."""
        exchange = begin(CRAM_MD5, None, b"<1@x>").exchange
        found = exchange.step(b64encode(b"a b " + b"0F" * 16))
        self.assertEqual((found.user, found.password), (b"a b", b"0f" * 16))
        for octets in (b"ann", b"ann ", b"ann 0f", b" " + b"0f" * 16, b"ann " + b"0g" * 16, b"ann\0 " + b"0f" * 16):
            self.assertEqual(exchange.step(b64encode(octets)), Malformed(), octets)

    def test_a_password_is_in_no_representation(self):
        """Representations end in tracebacks, and these in the log."""
        self.assertNotIn("secret", repr(plain(b"\0ann\0secret")))
