"""Which domains are ours: rcpthosts, morercpthosts.cdb, validrcptto; and who is denied: badmailfrom and its kin."""

import time

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.control import Controls
from twistedmx.qmail.denied import denied_helo, denied_recipient, denied_sender, relays
from twistedmx.qmail.hosts import is_allowed
from twistedmx.qmail.lists import Lines
from twistedmx.qmail.own_addresses import own_addresses
from twistedmx.qmail.patterns import Hit
from twistedmx.qmail.valid_recipients import Listing, listing_of
from twistedmx.testing.cdb import write_cdb


def controls(**lists: tuple[bytes, ...]) -> Controls:
    return Controls(smtpgreeting=b"mx", **lists)


class TestRcpthosts(SynchronousTestCase):
    def allowed(self, address: bytes, there: Controls) -> bool:
        return is_allowed(address, there, missing_allows=False)

    def test_a_host_or_a_suffix_that_begins_with_a_dot_is_ours_in_any_case(self):
        ours = controls(rcpthosts=(b"A.example", b".b.example"))
        for host, answer in (
            (b"a.example", True),
            (b"A.EXAMPLE", True),
            (b"x.a.example", False),
            (b"b.example", False),
            (b"x.b.example", True),
            (b"x.y.b.example", True),
            (b".b.example", True),
            (b"xb.example", False),
            (b"a.example.", False),
            (b"", False),
        ):
            self.assertEqual(self.allowed(b"u@" + host, ours), answer, host)

    def test_the_host_is_behind_the_last_at(self):
        ours = controls(rcpthosts=(b"a.example",))
        self.assertTrue(self.allowed(b"u@b.example@a.example", ours))
        self.assertFalse(self.allowed(b"u@a.example@b.example", ours))

    def test_an_address_without_at_is_ours_and_so_is_the_empty_one(self):
        for address in (b"postmaster", b""):
            self.assertTrue(self.allowed(address, controls(rcpthosts=())))

    def test_an_empty_file_refuses_all_and_a_missing_one_only_what_it_is_told_to(self):
        """In the original no file is an open relay: here somebody has to say so."""
        self.assertFalse(is_allowed(b"u@a.example", controls(rcpthosts=()), missing_allows=True))
        self.assertFalse(is_allowed(b"u@a.example", controls(), missing_allows=False))
        self.assertTrue(is_allowed(b"u@a.example", controls(), missing_allows=True))

    def test_the_cdb_counts_beside_the_list_and_only_beside_it(self):
        path = self.mktemp()
        write_cdb(path, [(b"c.example", b""), (b".d.example", b"")])
        cdb = Cdb(path)
        self.addCleanup(cdb.close)
        there = Controls(smtpgreeting=b"mx", rcpthosts=(b"a.example",), morercpthosts=cdb)
        for host, answer in (
            (b"a.example", True),
            (b"C.example", True),
            (b"x.d.example", True),
            (b"d.example", False),
            (b"e.example", False),
        ):
            self.assertEqual(self.allowed(b"u@" + host, there), answer, host)
        self.assertFalse(self.allowed(b"u@c.example", Controls(smtpgreeting=b"mx", morercpthosts=cdb)))
        with open(path, "wb"):
            pass
        self.assertRaises(BadCdb, self.allowed, b"u@c.example", there)

    def test_nobody_makes_a_search_long(self):
        """Each dot is a look-up; a host of dots alone would be 900 of them."""
        ours = controls(rcpthosts=(b".example",))
        self.assertFalse(self.allowed(b"u@" + b"." * 890, ours))
        self.assertTrue(self.allowed(b"u@" + b"a." * 440 + b"example", ours))


class TestBadmailfrom(SynchronousTestCase):
    def test_in_qmails_own_dialect_a_line_is_an_address_or_a_host_behind_an_at(self):
        there = controls(badmailfrom=(b"User@a.example", b"@b.example"))
        for address, line in (
            (b"user@A.example", b"User@a.example"),
            (b"other@a.example", None),
            (b"x@b.example", b"@b.example"),
            (b"x@xb.example", None),
            (b"x@y.b.example", None),
            (b"x@b.example.org", None),
            (b"", None),
        ):
            hit = denied_sender(address, there, relaying=False, exact=True)
            self.assertEqual(hit and hit.line, line, address)

    def test_as_an_expression_the_same_line_hits_more(self):
        """Not anchored, and a dot is any octet: the operator must say which dialect the file is in."""
        there = controls(badmailfrom=(b"@b.example",))
        for address in (b"x@b.example", b"x@b.example.org", b"x@bxexample"):
            self.assertIsNotNone(denied_sender(address, there, relaying=False, exact=False))

    def test_the_lists_for_others_do_not_count_for_who_may_relay(self):
        there = controls(
            badmailfrom=(b"a@",), badmailfromnorelay=(b"b@",), badrcptto=(b"a@",), badrcpttonorelay=(b"b@",)
        )
        for ask in (
            lambda address, relaying: denied_sender(address, there, relaying=relaying, exact=False),
            lambda address, relaying: denied_recipient(address, there, relaying=relaying),
        ):
            self.assertIsNotNone(ask(b"a@x", True))
            self.assertIsNotNone(ask(b"b@x", False))
            self.assertIsNone(ask(b"b@x", True))
            self.assertIsNone(ask(b"", False))

    def test_the_names_of_qmailtoaster_are_the_same_lists(self):
        there = controls(badmailto=(b"a@",), badmailtonorelay=(b"b@",))
        self.assertIsNotNone(denied_recipient(b"a@x", there, relaying=True))
        self.assertIsNotNone(denied_recipient(b"b@x", there, relaying=False))
        self.assertIsNone(denied_recipient(b"b@x", there, relaying=True))

    def test_badhelonorelay_is_matched_against_the_name_of_helo(self):
        """In the patch it is matched against the last address."""
        there = controls(badhelo=(rb"^\[",), badhelonorelay=(b"dynamic",))
        self.assertIsNotNone(denied_helo(b"[192.0.2.1]", there, relaying=True))
        self.assertIsNotNone(denied_helo(b"host.dynamic.example", there, relaying=False))
        self.assertIsNone(denied_helo(b"host.dynamic.example", there, relaying=True))

    def test_the_hit_says_which_line_of_which_file(self):
        there = controls(badrcptto=Lines.read(b"#\n\n!@ours\\.example$\n", "control/badrcptto"))
        self.assertEqual(
            denied_recipient(b"u@other.example", there, relaying=False),
            Hit(file="control/badrcptto", place=3, line=b"!@ours\\.example$"),
        )
        self.assertIsNone(denied_recipient(b"u@OURS.example", there, relaying=False))

    def test_a_bad_expression_hits_nothing_and_hides_no_other(self):
        for bad in (b"*@x", b"!*@x"):
            there = controls(badrcptto=(bad, b"^a"))
            self.assertIsNone(denied_recipient(b"u@x", there, relaying=False))
            self.assertIsNotNone(denied_recipient(b"a@x", there, relaying=False))
            self.assertEqual(len(there.faults(exact=False)), 1)

    def test_no_address_holds_up_a_server_with_an_expression_of_the_operator(self):
        """With an engine that tries again, the first of these takes a loop 20 seconds for one RCPT, the second for ever."""
        begun = time.process_time()
        there = controls(badrcptto=(rb".*@.*\..*\.biz$", rb"(.*\.)*bad\.example$", b"(a*)*b$", b"(.*x){1,300}y"))
        for address in (b"a" + b"@." * 440, b"a" * 900, b"x" * 900, b"u@" + b"a." * 440 + b"x"):
            self.assertIsNone(denied_recipient(address, there, relaying=False))
        self.assertLess(time.process_time() - begun, 1)
        self.assertIsNotNone(denied_recipient(b"u@x.bad.example", there, relaying=False))

    def test_what_no_engine_finds_in_bounded_time_is_told_and_hits_nothing(self):
        there = controls(badrcptto=Lines.read(b"^a\n(a)\\1\n(x{900}){900}\n", "control/badrcptto"))
        self.assertIsNone(denied_recipient(b"uaa@x", there, relaying=False))
        self.assertEqual(
            [fault[:20] for fault in there.faults(exact=False)], ["control/badrcptto:2:", "control/badrcptto:3:"]
        )

    def test_rejectrelaytest_looks_before_the_last_at(self):
        self.assertEqual(
            [address for address in (b"a%b@c", b"a@b@c", b"a!b@c", b"a!b", b"a@b%c", b"a@b", b"a") if relays(address)],
            [b"a%b@c", b"a@b@c", b"a!b@c", b"a!b"],
        )


class TestValidRecipients(SynchronousTestCase):
    def test_an_address_goes_before_its_domain_and_taking_before_refusing(self):
        lines = Lines(
            (b"yes@a.example", b"-yes@a.example", b"-no@a.example", b"@a.example", b"-@b.example", b"in@b.example")
        )
        for recipient, listing in (
            (b"YES@a.example", Listing.TAKEN),
            (b"no@A.example", Listing.REFUSED),
            (b"other@a.example", Listing.TAKEN),
            (b"in@b.example", Listing.TAKEN),
            (b"out@b.example", Listing.REFUSED),
            (b"u@c.example", Listing.UNLISTED),
            (b"postmaster", Listing.UNLISTED),
        ):
            self.assertEqual(listing_of(recipient, lines, ()), listing, recipient)
        self.assertEqual(listing_of(b"u@a.example", None, ()), Listing.UNLISTED)

    def test_each_key_is_looked_for_in_all_files_before_the_next(self):
        path = self.mktemp()
        write_cdb(path, [(b"-no@a.example", b""), (b"yes@b.example", b"")])
        cdb = Cdb(path)
        self.addCleanup(cdb.close)
        lines = Lines((b"@a.example", b"-@b.example"))
        self.assertEqual(listing_of(b"no@a.example", lines, [cdb]), Listing.REFUSED)
        self.assertEqual(listing_of(b"yes@b.example", lines, [cdb]), Listing.TAKEN)


class TestOwnAddresses(SynchronousTestCase):
    def test_the_longest_mask_wins_and_notipme_where_both_are_as_long(self):
        own = own_addresses(
            Lines((b"192.0.2.0/255.255.255.0", b"198.51.100.7", b"203.0.113.0/24")),
            Lines((b"192.0.2.128/255.255.255.128", b"198.51.100.7", b"203.0.113.0/255.255.255.0", b"0.0.0.0/0")),
        )
        for address, answer in (
            ((192, 0, 2, 1), True),
            ((192, 0, 2, 129), False),
            ((198, 51, 100, 7), False),
            ((203, 0, 113, 1), False),
            ((8, 8, 8, 8), False),
            ((0, 0, 0, 0), True),
            ((127, 0, 0, 1), True),
        ):
            self.assertEqual(own.are(bytes(address)), answer, address)

    def test_addresses_of_interfaces_are_ours_unless_notipme_names_them(self):
        here = bytes((10, 0, 0, 1))
        self.assertTrue(own_addresses(Lines(), Lines((b"10.0.0.0/8",))).are(here, [here]))
        self.assertFalse(own_addresses(Lines(), Lines((b"10.0.0.1",))).are(here, [here]))
        self.assertFalse(own_addresses(Lines(), Lines()).are(here))
        self.assertTrue(own_addresses(Lines(), Lines()).among([here])(here))

    def test_a_line_that_is_no_address_is_told_and_counts_for_nothing(self):
        own = own_addresses(
            Lines((b"a", b"1.2.3.256", b"1.2.3.4/x", b"1.2.3.4/33", b"192.0.2.1"), "m"), Lines((b"b",), "n")
        )
        self.assertEqual([fault[:4] for fault in own.faults], ["m:1:", "m:2:", "m:3:", "m:4:", "n:1:"])
        self.assertTrue(own.are(bytes((192, 0, 2, 1))))
