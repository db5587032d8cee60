"""What becomes of one message for one recipient: qmail-local.c, line by line, on a real disk."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.homes import FROM_LINE, MESSAGE, Home
from twistedmx.qmail.endings import Bounced, Deferred, Delivered

RETURN_PATH = b"Return-Path: <sender@far.example>\n"
DELIVERED_TO = b"Delivered-To: ann@mx.near.example\n"
QUOTED = MESSAGE.replace(b"\nFrom me", b"\n>From me").replace(b"\n>From you", b"\n>>From you")


class LocalTests(SynchronousTestCase):
    """One home each."""

    def setUp(self) -> None:
        self.home = Home(self.addCleanup)


class PlacesTests(LocalTests):
    """Where the message goes."""

    def test_a_maildir_gets_return_path_and_delivered_to_above_the_message(self) -> None:
        """In this order, and the octets as they came."""
        self.home.maildir()
        self.home.put(".qmail", b"./Maildir/\n")
        self.assertEqual(self.home.deliver(), Delivered(text="did 1+0+0"))
        self.assertEqual(self.home.in_maildir(), [RETURN_PATH + DELIVERED_TO + MESSAGE])

    def test_an_mbox_gets_a_from_line_and_its_lines_quoted(self) -> None:
        """Or the next reader would see two messages."""
        self.home.put(".qmail", b"./Mailbox\n")
        self.home.deliver()
        self.assertEqual(self.home.read("Mailbox"), FROM_LINE + RETURN_PATH + DELIVERED_TO + QUOTED + b"\n")

    def test_without_a_file_the_default_delivery_is_done(self) -> None:
        """For the user's own address alone."""
        self.home.maildir()
        self.home.default = b"./Maildir/"
        self.assertIsInstance(self.home.deliver(), Delivered)
        self.assertEqual(len(self.home.in_maildir()), 1)

    def test_an_extension_without_a_file_bounces(self) -> None:
        """These words are in thousands of bounce parsers."""
        self.assertEqual(
            self.home.deliver(dash=b"-", extension=b"x"),
            Bounced(
                text="Sorry, no mailbox here by that name. (#5.1.1)",
                said="Sorry, no mailbox here by that name. (#5.1.1)",
            ),
        )

    def test_the_default_file_gets_what_no_other_names(self) -> None:
        """And knows what was meant: DEFAULT."""
        self.home.put(".qmail-list-default", b'|echo "$DEFAULT $EXT" > default\n')
        self.home.deliver(dash=b"-", extension=b"list-Sub.Scribe")
        self.assertEqual(self.home.read("default"), b"Sub.Scribe list-Sub.Scribe\n")

    def test_a_maildir_that_is_missing_defers_and_is_not_made(self) -> None:
        """The disk may not be mounted; and the peer hears nothing of our folders."""
        self.home.put(".qmail", b"./Maildir/\n")
        ending = self.home.deliver()
        self.assertIsInstance(ending, Deferred)
        self.assertIn("Unable to chdir to maildir", ending.text)
        self.assertEqual(ending.said, "")
        self.assertFalse(os.path.exists(f"{self.home.path}/Maildir"))

    def test_all_places_get_it_in_order(self) -> None:
        """And the text counts files, forwards and programs."""
        self.home.maildir()
        self.home.put(".qmail", b"./Maildir/\n./Mailbox\n|true\n&me@far.example\n")
        self.assertEqual(self.home.deliver(), Delivered(text="did 2+1+1"))

    def test_the_first_fault_ends_it_and_nothing_is_forwarded(self) -> None:
        """Forwards go last of all."""
        self.home.put(".qmail", b"&me@far.example\n|exit 111\n./Mailbox\n")
        self.assertIsInstance(self.home.deliver(), Deferred)
        self.assertEqual(self.home.forwarded, [])
        self.assertFalse(os.path.exists(f"{self.home.path}/Mailbox"))

    def test_a_fault_of_the_file_is_found_before_anything_is_done(self) -> None:
        """Else each try would deliver once more what stands above it."""
        self.home.put(".qmail", b"./Mailbox\n+list\n|true\n")
        self.assertIsInstance(self.home.deliver(), Deferred)
        self.assertFalse(os.path.exists(f"{self.home.path}/Mailbox"))

    def test_a_home_that_is_away_or_unsafe_defers(self) -> None:
        """And the operator is told which."""
        os.chmod(self.home.path, 0o1700)
        self.assertIn(self.home.path, self.home.deliver().text)
        os.chmod(self.home.path, 0o707)
        self.assertIn("writable", self.home.deliver().text)
        self.home.path += "/missing"
        self.assertIsInstance(self.home.deliver(), Deferred)


class LoopTests(LocalTests):
    """A message that comes back."""

    def test_our_own_delivered_to_in_the_header_bounces(self) -> None:
        """Two users who forward to each other."""
        ending = self.home.deliver(message=b"Received: x\n" + DELIVERED_TO + MESSAGE)
        self.assertEqual(
            ending,
            Bounced(
                text="This message is looping: it already has my Delivered-To line. (#5.4.6)",
                said="This message is looping: it already has my Delivered-To line. (#5.4.6)",
            ),
        )

    def test_anybody_elses_and_one_in_the_body_do_not(self) -> None:
        """A forwarded message has those; and a bounce quotes ours."""
        for message in (b"Delivered-To: bob@mx.near.example\n\nx\n", b"Subject: x\n\n" + DELIVERED_TO, b""):
            self.assertIsInstance(self.home.deliver(message=message), Delivered)

    def test_a_long_line_in_front_of_it_hides_nothing(self) -> None:
        """Nor is one taken for it whose end looks like it."""
        long = b"X-Long: " + b"a" * 200_000
        self.assertIsInstance(self.home.deliver(message=long + b"\n" + DELIVERED_TO + b"\n"), Bounced)
        self.assertIsInstance(self.home.deliver(message=b"x" * 65_536 + DELIVERED_TO + b"\n"), Delivered)


class ForwardTests(LocalTests):
    """What is handed to the queue."""

    def test_forwards_are_handed_over_together_with_delivered_to_above(self) -> None:
        """Without Return-Path, as the next receiver writes its own."""
        self.home.put(".qmail", b"&a@far.example\nb@far.example\n")
        self.assertEqual(self.home.deliver(), Delivered(text="did 0+2+0"))
        self.assertEqual(
            self.home.forwarded,
            [(b"sender@far.example", [b"a@far.example", b"b@far.example"], DELIVERED_TO + MESSAGE)],
        )

    def test_what_the_queue_says_is_how_it_ended(self) -> None:
        """For good, or for now."""
        self.home.put(".qmail", b"&a@far.example\n")
        for ending in (Bounced(text="no"), Deferred(text="later")):
            self.home.forward_ends = ending
            self.assertEqual(self.home.deliver(), ending)

    def test_99_stops_but_forwards_above_it_go(self) -> None:
        """The filter said: done."""
        self.home.put(".qmail", b"&a@far.example\n|exit 99\n&b@far.example\n./Mailbox\n")
        self.assertEqual(self.home.deliver(), Delivered(text="did 0+1+1"))
        self.assertEqual(self.home.forwarded[0][1], [b"a@far.example"])

    def test_an_owner_is_the_sender_of_what_a_list_forwards(self) -> None:
        """So that bounces go to him, not to who wrote to the list; with -owner-default to an address for each (VERP)."""
        address = {"dash": b"-", "extension": b"My.List", "local_part": b"ann-My.List"}
        self.home.put(".qmail-my:list", b"&a@far.example\n")
        self.home.deliver(**address)
        self.home.put(".qmail-my:list-owner")
        self.home.deliver(**address)
        self.home.put(".qmail-my:list-owner-default")
        self.home.deliver(**address)
        self.home.deliver(**address, sender=b"")
        self.home.deliver(**address, sender=b"#@[]")
        self.assertEqual(
            [sender for sender, _, _ in self.home.forwarded],
            [
                b"sender@far.example",
                b"ann-My.List-owner@mx.near.example",
                b"ann-My.List-owner-@mx.near.example-@[]",
                b"",
                b"#@[]",
            ],
        )


class LineTests(LocalTests):
    """What stands above the message, whatever the envelope is."""

    def test_a_line_end_in_an_address_makes_no_header_line(self) -> None:
        """Someone would try."""
        self.home.maildir()
        self.home.put(".qmail", b"./Maildir/\n./Mailbox\n")
        self.home.deliver(sender=b"a\nX-Evil: 1@x", local_part=b"ann\nb")
        (message,) = self.home.in_maildir()
        self.assertTrue(message.startswith(b'Return-Path: <"a\\_X-Evil: 1"@x>\nDelivered-To: ann_b@mx.near.example\n'))
        self.assertTrue(self.home.read("Mailbox").startswith(b"From a-X-Evil:-1@x Sun "))

    def test_the_null_sender_is_mailer_daemon_in_an_mbox_and_nothing_else_where(self) -> None:
        """As mbox(5) wants it."""
        self.home.put(".qmail", b"./Mailbox\n")
        self.home.deliver(sender=b"")
        self.assertTrue(self.home.read("Mailbox").startswith(b"From MAILER-DAEMON Sun Sep 09 01:46:40 2001\n"))
        self.assertIn(b"Return-Path: <>\n", self.home.read("Mailbox"))

    def test_a_link_instead_of_a_file_is_followed_with_the_users_rights(self) -> None:
        """Homes have their .qmail files in version control."""
        Path(self.home.path, "real").write_bytes(b"./Mailbox\n")
        os.chmod(f"{self.home.path}/real", 0o600)
        os.symlink("real", f"{self.home.path}/.qmail")
        self.assertIsInstance(self.home.deliver(), Delivered)
