"""The lines that we write above a message, to the octet: a postmaster, a spam filter and a court will read them."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.peer import Peer
from twistedmx.smtp import trace
from twistedmx.smtp.path import NULL, parse_path

ANN = parse_path(b"ann@example.org")
AT = 1_800_000_000.75


def received(**changes):
    given = {
        "helo": "client.example",
        "peer_literal": Peer(address="192.0.2.7", port=1).literal,
        "host": "mx.example.org",
        "protocol": "ESMTP",
        "tls": "",
        "queue_id": "0123456789.1",
        "recipient": None,
        "at": AT,
    }
    return trace.received(**{**given, **changes}).decode()


class TestReceived(SynchronousTestCase):
    def test_the_whole_field(self):
        """RFC 5321 4.4, folded where every reader folds."""
        self.assertEqual(
            received(recipient=ANN, protocol="ESMTPS", tls="TLSv1.3 cipher TLS_AES_256_GCM_SHA384"),
            "Received: from client.example ([192.0.2.7])\n"
            "\t(using TLSv1.3 cipher TLS_AES_256_GCM_SHA384)\n"
            "\tby mx.example.org with ESMTPS id 0123456789.1\n"
            "\tfor <ann@example.org>;\n"
            "\tFri, 15 Jan 2027 08:00:00 +0000\n",
        )

    def test_without_tls_and_with_several_recipients_those_parts_are_missing(self):
        """RFC 5321 7.6: naming one recipient to another gives away who got a blind copy."""
        self.assertEqual(
            received(protocol="SMTP"),
            "Received: from client.example ([192.0.2.7])\n"
            "\tby mx.example.org with SMTP id 0123456789.1;\n"
            "\tFri, 15 Jan 2027 08:00:00 +0000\n",
        )

    def test_ipv6_has_its_tag(self):
        """RFC 5321 4.1.3."""
        literal = Peer(address="2001:db8::1", port=1).literal
        self.assertIn("from client.example ([IPv6:2001:db8::1])\n", received(peer_literal=literal))

    def test_no_line_is_longer_than_a_reader_takes(self):
        """RFC 5322 2.1.1: 998 octets without the line end, for the longest names there may be."""
        text = received(helo="h" * 255, host="m" * 255, protocol="UTF8SMTPS", tls="TLSv1.3 cipher " + "C" * 60)
        self.assertLess(max(map(len, text.split("\n"))), 998)

    def test_the_protocol_word(self):
        """RFC 3848, RFC 6531 4.3."""
        for (esmtp, tls, smtputf8), word in {
            (False, False, False): "SMTP",
            (False, True, False): "SMTPS",
            (True, False, False): "ESMTP",
            (True, True, False): "ESMTPS",
            (True, False, True): "UTF8SMTP",
            (True, True, True): "UTF8SMTPS",
        }.items():
            self.assertEqual(trace.with_protocol(esmtp=esmtp, tls=tls, smtputf8=smtputf8), word)
            word += "A" if esmtp else ""
            known = trace.with_protocol(esmtp=esmtp, tls=tls, smtputf8=smtputf8, authenticated=True)
            self.assertEqual(known, word)


class TestOthers(SynchronousTestCase):
    def test_date_is_in_utc_and_english(self):
        """RFC 5322 3.3, whatever the locale: single digits of the day stand alone, of the time do not."""
        self.assertEqual(trace.date_time(0), "Thu, 1 Jan 1970 00:00:00 +0000")
        self.assertEqual(trace.date_time(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000")
        self.assertEqual(trace.date_time(1_733_011_199), "Sat, 30 Nov 2024 23:59:59 +0000")

    def test_return_path(self):
        """RFC 5321 4.4: of a bounce it is empty."""
        self.assertEqual(trace.return_path(ANN), b"Return-Path: <ann@example.org>\n")
        self.assertEqual(trace.return_path(NULL), b"Return-Path: <>\n")

    def test_delivered_to(self):
        """RFC 9228."""
        self.assertEqual(trace.delivered_to(b"ann@example.org"), b"Delivered-To: ann@example.org\n")
