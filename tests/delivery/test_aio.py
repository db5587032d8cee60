"""Syncing many at a time: each file has its own answer, whoever does the work."""

import ctypes
import errno
import os
from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery import aio
from twistedmx.delivery.aio import AT_A_TIME, Asked, Kernel, Syncs, Unavailable, wait_for_writeback


class Slow(Kernel):
    """Takes so many at a time, and answers as it was told; what it was asked is in `asked`."""

    def __init__(self, *answers: Sequence[int]) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []

    def sync(self, asked: Sequence[Asked], meanwhile: Callable[[], None]) -> list[int]:
        self.asked.append(len(asked))
        meanwhile()
        return list(self._answers.pop(0))


def none() -> Kernel:
    """A system without."""
    raise Unavailable


class SyncsTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        self.files = [os.open(f"{folder}/{n}", os.O_CREAT | os.O_RDWR) for n in range(AT_A_TIME + 5)]
        for file in self.files:
            self.addCleanup(os.close, file)
            os.write(file, b"content")
        self.folder = os.open(folder, os.O_RDONLY)
        self.addCleanup(os.close, self.folder)

    def numbers(self, answers: Sequence[OSError | None]) -> list[int]:
        return [0 if answer is None else answer.errno for answer in answers]

    def test_any_number_of_files_and_folders_is_synced_with_and_without_the_kernels_help(self) -> None:
        """None, one, more than it takes at once: a batch has what it has."""
        for syncs in (Syncs(), Syncs(none)):
            for count in (0, 1, 2, AT_A_TIME, len(self.files)):
                for data_alone in (True, False):
                    self.assertEqual(syncs.sync([(each, data_alone) for each in self.files[:count]]), [None] * count)
            self.assertEqual(syncs.sync([(self.folder, False), (self.files[0], False)]), [None] * 2)

    def test_one_that_cannot_be_synced_says_so_and_the_others_are(self) -> None:
        """One broken file must not defer the mail of all."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        asked = [*self.files[:3], read, *self.files[3:]]
        for syncs in (Syncs(), Syncs(none)):
            answers = self.numbers(syncs.sync([(each, True) for each in asked]))
            self.assertEqual([place for place, number in enumerate(answers) if number], [3])
            self.assertEqual(answers[3], errno.EINVAL)

    def test_what_the_kernel_answers_is_its_files_own(self) -> None:
        """EIO of one taken for another's would be mail lost after 250."""
        kernel = Slow([0, -errno.EIO], [-errno.ENOSPC, 0])
        answers = Syncs(lambda: kernel).sync([(each, True) for each in self.files[:4]])
        self.assertEqual(self.numbers(answers), [0, errno.EIO, errno.ENOSPC, 0])
        self.assertEqual(kernel.asked, [4, 2])

    def test_what_the_kernel_does_not_take_is_synced_one_by_one(self) -> None:
        """It may be short of memory: EAGAIN."""
        kernel = Slow([0], [])
        self.assertEqual(Syncs(lambda: kernel).sync([(each, True) for each in self.files[:4]]), [None] * 4)
        self.assertEqual(kernel.asked, [4, 3])

    def test_one_file_alone_is_synced_without_a_detour(self) -> None:
        """A single session waits for nothing else; and a process that never has two asks for no context."""
        kernel = Slow()
        self.assertEqual(Syncs(lambda: kernel).sync([(each, True) for each in self.files[:1]]), [None])
        self.assertEqual(kernel.asked, [])

    def test_what_is_done_meanwhile_is_done_once_whoever_syncs(self) -> None:
        """Files that have to be waited for wait in it: without that call they would be published unwritten."""
        done: list[int] = []
        for syncs in (Syncs(), Syncs(none), Syncs(lambda: Slow([0, 0], [0], [])), Syncs(lambda: Slow([]))):
            for count in (0, 1, 5):
                syncs.sync([(each, True) for each in self.files[:count]], lambda count=count: done.append(count))
        self.assertEqual(done, [0, 1, 5] * 4)

    def test_a_system_without_is_asked_once(self) -> None:
        """Not for every batch again."""
        asked: list[None] = []

        def make() -> Kernel:
            asked.append(None)
            raise Unavailable

        syncs = Syncs(make)
        for _ in range(3):
            syncs.sync([(each, True) for each in self.files])
        self.assertEqual(len(asked), 1)

    def test_an_error_while_waiting_is_the_answer(self) -> None:
        """The kernel tells it once: an fsync after it would say that all is well."""

        def refuse(number: int) -> None:
            def call(*arguments: object) -> int:
                ctypes.set_errno(number)
                return -1

            self.patch(aio, "_sync_file_range", call)

        self.assertIsNone(wait_for_writeback(self.files[0]))
        refuse(errno.EIO)
        self.assertEqual(self.numbers([wait_for_writeback(self.files[0])]), [errno.EIO])
        refuse(errno.EPERM)  # a seccomp filter, not the disk
        self.assertIsNone(wait_for_writeback(self.files[0]))
        self.patch(aio, "_sync_file_range", None)
        self.assertIsNone(wait_for_writeback(self.files[0]))
