"""XCLIENT: what a proxy may say of its client (Postfix XCLIENT_README)."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.xclient import BadXClient, XClient, parse_xclient


class TestAttributes(SynchronousTestCase):
    def test_what_is_said_and_what_is_not(self):
        """What is not said stays as it was; what is not known is no longer what it was."""
        for argument, expected in (
            (b" NAME=mail.example.net ADDR=192.0.2.9", XClient(name="mail.example.net", address="192.0.2.9")),
            (b" addr=IPV6:2001:DB8::9 port=4711", XClient(address="2001:db8::9", port=4711)),
            (b" ADDR=ipv6:2001:db8::9", XClient(address="2001:db8::9")),
            (b" ADDR=2001:db8::9", XClient(address="2001:db8::9")),
            (b" HELO=client.example", XClient(helo="client.example")),
            (b" NAME=[UNAVAILABLE] ADDR=[unavailable] PORT=[TEMPUNAVAIL]", XClient(name="", address="", port=0)),
            (b" PROTO=ESMTP", XClient()),
            (b" LOGIN=user+2Bx DESTADDR=192.0.2.1 DESTPORT=25 REVERSE_NAME=[TEMPUNAVAIL]", XClient()),
            (b" NAME=mail+2Eexample+2enet", XClient(name="mail.example.net")),
            (b" HELO=not+20a+20domain", XClient(helo="")),
        ):
            self.assertEqual(parse_xclient(argument), expected, argument)

    def test_what_is_malformed(self):
        """A proxy that is misunderstood makes one client of another."""
        for argument in (
            b"",
            b"  ",
            b" NAME",
            b" NAME=",
            b" =x",
            b" ADDR=mail.example.net",
            b" ADDR=192.0.2.256",
            b" ADDR=IPV6:192.0.2.9x",
            b" ADDR=192.0.2.9 ADDR=192.0.2.10",
            b" ADDR=192.0.2.9 addr=192.0.2.9",
            b" PORT=65536",
            b" PORT=-1",
            b" PORT=+B2",
            b" PORT=0x1",
            b" PROTO=LMTP",
            b" NAME=a_+ZZ",
            b" NAME=-",
            b" NAME=+C3+BC",
            b" NAME=a+0D+0Ab",
            b" COLOUR=blue",
            b" ADDR=192.0.2.9 \xc3\xbc=x",
        ):
            self.assertRaises(BadXClient, parse_xclient, argument)
