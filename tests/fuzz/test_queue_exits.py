"""The end of a queue program, and the text that it wrote: it may be whatever a scanner has found in a message."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.queue_exits import MOST_OCTETS, is_refusal, reply_of, text_of
from twistedmx.qmail.queue_process import texts_of
from twistedmx.qmail.queue_program import envelope_of

_codes = st.none() | st.sampled_from([0, 31, 82, 88]) | st.integers(0, 255)
_texts = st.binary(max_size=300) | st.builds(bytes.__add__, st.sampled_from([b"D", b"Z"]), st.binary(max_size=300))
_addresses = st.binary(max_size=20).map(lambda octets: octets.replace(b"\0", b""))


class TestQueueExits(SynchronousTestCase):
    @EXAMPLES
    @given(_codes, _texts, _texts)
    def test_any_end_with_any_text_is_one_line_of_554_or_451(self, code, four, six):
        """Whatever ended it, and whatever it wrote, the peer hears exactly one line that SMTP allows, and none of it twice."""
        reply = reply_of(code, text_of(four, six))
        self.assertRegex(reply.octets, rb"\A(554|451) [\x20-\x7e]+\r\n\Z")
        self.assertLessEqual(len(reply.octets), 4 + MOST_OCTETS + 2)
        if reply.code == 554:
            self.assertTrue(is_refusal(code, text_of(four, six)))

    @EXAMPLES
    @given(st.binary(max_size=4) | st.integers(-9, 300).map(lambda number: b"%d" % number))
    def test_any_error_fd_is_a_descriptor_that_is_free(self, written):
        """Whatever ERROR_FD is, neither the message nor the envelope is in its place, and 6 is there once."""
        texts = texts_of(written)
        self.assertEqual((len(set(texts)), texts[-1]), (len(texts), 6))
        self.assertTrue(min(texts) >= 2 and max(texts) < 100)

    @EXAMPLES
    @given(_addresses, st.lists(_addresses, min_size=1))
    def test_any_envelope_reads_as_it_was_written(self, reverse_path, recipients):
        """What qmail-queue reads are the same addresses, in the same order, and nothing behind them."""
        envelope = envelope_of(reverse_path, recipients)
        sender, *others = envelope.removesuffix(b"\0").split(b"\0")[:-1]
        self.assertEqual((sender, others), (b"F" + reverse_path, [b"T" + recipient for recipient in recipients]))
