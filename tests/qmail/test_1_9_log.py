"""Other lines of qmail-smtpd, its qlog lines, and multilog, which takes them all."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import attrs
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.qmail.log_lines import LONGEST, Dialect, chkuser_line
from twistedmx.qmail.qlog_lines import Facts, qlogenvelope, qlogreceived
from twistedmx.qmail.smtpd_lines import (
    Found,
    auth_line,
    denied_line,
    early_line,
    excessive_line,
    found_line,
    rcptcheck_line,
    told_line,
)
from twistedmx.qmail.tcpserver_lines import status_line

KEYS = (
    b"result code reason detail helo mailfrom rcptto relay rcpthosts size authuser authtype encrypted sslverified "
    b"localip localport remoteip remoteport remotehost qp pid"
).split()
FACTS = Facts(
    result=b"rejected",
    code=b"550",
    reason=b"chkuser",
    detail=b"nomailbox",
    helo=b"client.example",
    mailfrom=b"a@example.net",
    rcptto=[b"b@example.org"],
    relay=False,
    rcpthosts=True,
    localip=b"192.0.2.9",
    localport=b"25",
    remoteip=b"192.0.2.1",
    remoteport=b"40123",
    pid=1207,
)


def parsed(octets):
    """As awk does: fields at blanks, keys at the first `=`."""
    assert octets.endswith(b"\n") and octets.count(b"\n") == 1
    head, *fields = octets[:-1].split(b" ")
    pairs = [field.split(b"=", 1) for field in fields]
    assert [pair[0] for pair in pairs] == KEYS, pairs
    return head, dict(pairs)


class TestQlog(SynchronousTestCase):
    def test_the_line_of_a_recipient(self):
        """qsmtpdlog: all keys, in one order."""
        self.assertEqual(
            qlogenvelope(FACTS),
            b"qlogenvelope: result=rejected code=550 reason=chkuser detail=nomailbox helo=client.example "
            b"mailfrom=a@example.net rcptto=b@example.org relay=no rcpthosts=yes size= authuser= authtype= encrypted= "
            b"sslverified=no localip=192.0.2.9 localport=25 remoteip=192.0.2.1 remoteport=40123 remotehost= qp= pid=1207\n",
        )

    def test_the_line_of_a_message(self):
        """Its recipients with commas, its size, and the number by which qmail-send's log has it."""
        facts = attrs.evolve(
            FACTS, result=b"accepted", code=b"250", reason=b"queueaccept", detail=b"", rcptto=[b"b@example.org", b"c@example.org"],
            size=1234, qp=99, rcpthosts=None, relay=True, authuser=b"d@example.org", authtype=b"plain", encrypted=b"tls",
            sslverified=True,
        )  # fmt: skip
        head, found = parsed(qlogreceived(facts))
        self.assertEqual(head, b"qlogreceived:")
        self.assertEqual(found[b"rcptto"], b"b@example.org,c@example.org")
        self.assertEqual(
            [found[key] for key in (b"size", b"qp", b"rcpthosts", b"relay")], [b"1234", b"99", b"", b"yes"]
        )
        self.assertEqual(
            [found[key] for key in (b"authtype", b"encrypted", b"sslverified")], [b"plain", b"tls", b"yes"]
        )

    def test_what_is_unsafe_is_an_underscore(self):
        """outqlog: octets up to 32 and from 127 on."""
        facts = attrs.evolve(FACTS, helo=b"a b\n\x7f%=", rcptto=["ü\n@x".encode()])
        found = parsed(qlogenvelope(facts))[1]
        self.assertEqual((found[b"helo"], found[b"rcptto"]), (b"a_b__%=", b"___@x"))

    def test_many_recipients_are_cut_between_two_of_them(self):
        """The line is one write, and the keys behind them are there."""
        facts = attrs.evolve(FACTS, rcptto=[b"recipient-%d@example.org" % n for n in range(1000)])
        octets = qlogreceived(facts)
        self.assertLessEqual(len(octets), LONGEST)
        found = parsed(octets)[1]
        *recipients, more = found[b"rcptto"].split(b",")
        self.assertEqual((more, recipients), (b"...", facts.rcptto[: len(recipients)]))
        self.assertGreater(len(recipients), 100)
        self.assertEqual(found[b"pid"], b"1207")

    def test_the_longest_words_leave_room_for_a_recipient(self):
        """However long the others are."""
        long = {each.name: b"x" * 5000 for each in attrs.fields(Facts) if each.type == "bytes" or each.type is bytes}
        octets = qlogenvelope(attrs.evolve(FACTS, **long, rcptto=[b"y" * 900, b"z@example.org"], size=10**18, qp=10**9))
        self.assertLessEqual(len(octets), LONGEST)
        self.assertTrue(parsed(octets)[1][b"rcptto"].startswith(b"y" * 900))


class TestSmtpd(SynchronousTestCase):
    def test_lists_and_programs(self):
        """Each to the letter, for people search for them."""
        ip = b"192.0.2.1"
        self.assertEqual(
            [
                denied_line(7, b"badrcptto", b"b@example.org", ip),
                denied_line(7, b"badmailfrom", b"a@example.net", ip, b"@example\\.net$ "),
                excessive_line(7, ip),
                found_line(7, Found.VALID, b"b@example.org", ip),
                found_line(7, Found.NOT_VALID, b"b@example.org", ip),
                found_line(7, Found.OVER_LIMIT, b"b@example.org", ip),
                rcptcheck_line(7, b"450 later\r\n"),
                early_line(7, ip, ignored=False),
                early_line(7, ip, ignored=True),
                auth_line(7, True, b"login", b"c@example.org"),
                auth_line(7, False, b"cram-md5", b"> x"),
            ],
            [
                b"qmail-smtpd[7]: " + text + b"\n"
                for text in (
                    b"badrcptto: <b@example.org> at 192.0.2.1",
                    b"badmailfrom: <a@example.net> matches pattern: @example\\.net$ ",
                    b"badrcptto: excessive rcptto violations hanging up on 192.0.2.1",
                    b"validrcptto: accepted address <b@example.org> at 192.0.2.1",
                    b"validrcptto: drop address <b@example.org> at 192.0.2.1",
                    b"rcptcheck: overlimit sender <b@example.org> at 192.0.2.1",
                    b"RCPTCHECK error: 450 later??",
                    b"GREETDELAY from 192.0.2.1: client sent data before greeting",
                    b"GREETDELAY from 192.0.2.1: client sent data before greeting. ignoring",
                    b"auth: auth-success type=login user=<c@example.org>",
                    b"auth: auth-failed type=cram-md5 user=<??x>",
                )
            ],
        )

    def test_logit(self):
        """`(null)` for what there has not been, and nothing for what is empty."""
        self.assertEqual(
            told_line(
                b"read failed",
                reason=b"timeout",
                sender=b"",
                remote_ip=b"192.0.2.1",
                rcpt=b"b@example.org",
                helo=b"h i",
            ),
            b"qmail-smtpd: read failed (timeout):  from 192.0.2.1 to b@example.org helo h?i\n",
        )
        self.assertEqual(
            told_line(b"message too big", sender=None, remote_ip=None, rcpt=None, helo=None),
            b"qmail-smtpd: message too big: (null) from (null) to (null) helo (null)\n",
        )

    def test_log_injection_by_an_address(self):
        """One line, and the peer's address is the one behind the last `at`."""
        evil = b"x> at 192.0.2.9\nqmail-smtpd[1]: auth: auth-success type=login user=<admin"
        octets = denied_line(7, b"badrcptto", evil, b"192.0.2.1")
        found = re.fullmatch(rb"qmail-smtpd\[7\]: badrcptto: <([^<> ]*)> at ([^ ]*)\n", octets)
        self.assertEqual(found[2], b"192.0.2.1")


class TestMultilog(SynchronousTestCase):
    def test_multilog_takes_the_lines_whole_from_several_writers_and_finds_qlog_lines(self):
        """As in the usual log/run: all into one folder, and *qlog* into another as well."""
        multilog = shutil.which("multilog")
        if multilog is None:
            raise SkipTest("no multilog here: Debian has it in daemontools")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        longest = chkuser_line(
            Dialect.LABELLED, b"rejected rcpt", b"not existing recipient", sender=b"s" * 2000, remote_info=b"i" * 900, auth=b"",
            identify=b"", helo=b"h" * 900, remote_host=b"unknown", remote_ip=b"192.0.2.1", rcpt=b"r" * 2000,
        )  # fmt: skip
        self.assertGreater(len(longest), 2000)
        lines = [longest, qlogenvelope(FACTS), status_line(1, 40), denied_line(7, b"badrcptto", b"\n\r\0", b"::1")] * 25
        words = [multilog, "s1000000", f"{folder}/all", "-*", "+*qlog*", f"{folder}/qlog"]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as running:
            writers = [os.dup(running.stdin.fileno()) for _ in range(2)]
            running.stdin.close()
            for octets in lines:
                for writer in writers:
                    self.assertEqual(os.write(writer, octets), len(octets))
            for writer in writers:
                os.close(writer)
            self.assertEqual(running.wait(timeout=30), 0)
        expected = [octets for octets in lines for _ in writers]
        self.assertEqual((folder / "all" / "current").read_bytes().splitlines(keepends=True), expected)
        self.assertEqual((folder / "qlog" / "current").read_bytes(), qlogenvelope(FACTS) * 50)
