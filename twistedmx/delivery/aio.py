"""Syncing many files at a time: fsync(2) by the kernel's asynchronous I/O (io_submit), so that the disk is asked once for all.

One fsync after the other flushes the disk's cache as often as there are files, and commits the journal nearly as often. Those
that run at the same time share both. The kernel's threads wait for the disk, ours hands over a batch and gets a batch back: three
times the rate of a loop at two thirds of its CPU (benchmarks/commit.py). In Linux since 4.18; Scylla rests on it as well. Where
it is not to be had (other systems, a seccomp filter, fs.aio-max-nr reached), the files are synced one by one.

What is promised is fsync's. Used by one thread at a time. Nothing is begun before the first use, for a context of the kernel's
does not survive a fork.

BUGS: the work is done in kernel threads: it is not in the CPU time of our process, nor of its control group.
"""

import contextlib
import ctypes
import errno
import os
import platform
import struct
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Final, Literal

# io_setup, io_destroy, io_submit, io_getevents: the C library has no functions for them.
_NUMBERS: Final = {
    "x86_64": (206, 207, 209, 208),
    "aarch64": (0, 1, 2, 4),
    "riscv64": (0, 1, 2, 4),
}
_FSYNC, _FDSYNC = 2, 3  # IOCB_CMD_
AT_A_TIME: Final = 128  # as many kernel threads may wait at once: a full batch, and the names of the one before


# Of linux/aio_abi.h, on little-endian machines: struct iocb as sixteen numbers of 32 bits, struct io_event as four of 64.
_REQUEST, _OPCODE, _DESCRIPTOR, _OCTETS = 16, 4, 5, 64
_DONE, _RESULT = 4, 2

# A descriptor, and whether the octets alone: fdatasync(2).
Asked = tuple[int, bool]


def _shared(numbers: int, kind: Literal["I", "q"]) -> tuple["memoryview[int]", int]:
    """Memory of so many numbers, of this kind to `struct`, and its address."""
    octets = bytearray(numbers * struct.calcsize(kind))
    return memoryview(octets).cast(kind), ctypes.addressof(ctypes.c_char.from_buffer(octets))


class Unavailable(Exception):
    """This system, or this process, has no asynchronous I/O of the kernel's."""


class Kernel:
    """The system calls, and the memory they use. Raises Unavailable."""

    def __init__(self) -> None:
        numbers = _NUMBERS.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None
        if numbers is None:
            raise Unavailable
        setup, destroy, self._submit, self._getevents = map(ctypes.c_long, numbers)
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._context = ctypes.c_ulong(0)
        if self._call(setup, ctypes.c_long(AT_A_TIME), ctypes.byref(self._context)) != 0:
            raise Unavailable
        weakref.finalize(self, self._call, destroy, self._context)
        # Written and read as numbers: a structure of ctypes costs five times as much for each file.
        self._requests, first = _shared(_REQUEST * AT_A_TIME, "I")
        self._done, into = _shared(_DONE * AT_A_TIME, "q")
        self._into = ctypes.c_void_p(into)
        self._places = (ctypes.c_void_p * AT_A_TIME)(*(first + place * _OCTETS for place in range(AT_A_TIME)))
        for place in range(AT_A_TIME):
            self._requests[place * _REQUEST] = place  # what comes back with the answer

    def sync(self, asked: Sequence[Asked], meanwhile: Callable[[], None]) -> list[int]:
        """An answer, 0 or -errno, for as many of the first AT_A_TIME as the kernel took: it may take fewer, or none.

        `meanwhile`: is called while the kernel is at it.
        """
        requests = self._requests
        asked = asked[:AT_A_TIME]
        at = 0
        for descriptor, data_alone in asked:
            requests[at + _OPCODE] = _FDSYNC if data_alone else _FSYNC  # with a priority of 0
            requests[at + _DESCRIPTOR] = descriptor
            at += _REQUEST
        taken = self._call(self._submit, self._context, ctypes.c_long(len(asked)), self._places)
        meanwhile()
        answers = [0] * max(taken, 0)
        left = len(answers)
        done = self._done
        while left:
            # All have to come back, or the answer of one would be taken for that of another in the next batch.
            count = ctypes.c_long(left)
            came = self._call(self._getevents, self._context, count, count, self._into, None)
            if came < 0 and (number := ctypes.get_errno()) != errno.EINTR:
                raise OSError(number, os.strerror(number))
            for at in range(0, came * _DONE, _DONE):
                answers[done[at]] = done[at + _RESULT]
            left -= max(came, 0)
        return answers


_sync_file_range = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
_WRITE, _WRITE_AND_WAIT = 2, 7  # SYNC_FILE_RANGE_
# By the kernel, by a seccomp filter, and of what is no file: fsync says what there is to say.
_REFUSED: Final = frozenset({errno.ENOSYS, errno.EPERM, errno.ESPIPE})


def start_writeback(descriptor: int) -> OSError | None:
    """Ask the kernel to begin writing. What it answers is about octets that it may have dropped: to be heeded."""
    if _sync_file_range is None or _sync_file_range(descriptor, 0, 0, _WRITE) == 0:
        return None
    number = ctypes.get_errno()
    return None if number in _REFUSED else OSError(number, os.strerror(number))


def wait_for_writeback(descriptor: int) -> OSError | None:
    """Write all octets, and wait for them as fsync(2) does before it commits: the disk may have them in its cache."""
    if _sync_file_range is None:
        return _one(descriptor, True)
    if _sync_file_range(descriptor, 0, 0, _WRITE_AND_WAIT) == 0:
        return None
    number = ctypes.get_errno()
    # A fault of the disk is told once: fsync would not hear of it any more.
    return _one(descriptor, True) if number in _REFUSED else OSError(number, os.strerror(number))


def _one(descriptor: int, data_alone: bool) -> OSError | None:
    try:
        (os.fdatasync if data_alone else os.fsync)(descriptor)
    except OSError as error:
        return error
    return None


def _nothing() -> None: ...


class Syncs:
    """`kernel`: makes what asks the kernel, or raises Unavailable."""

    def __init__(self, kernel: Callable[[], Kernel] = Kernel) -> None:
        self._make: Callable[[], Kernel] | None = kernel
        self._kernel: Kernel | None = None

    def sync(self, asked: Sequence[Asked], meanwhile: Callable[[], None] = _nothing) -> list[OSError | None]:
        """fsync(2) of each, or fdatasync(2); None, or what it said, for each in turn. Returns when the last is done.

        `meanwhile`: what is to be done while the disk works; called once.
        """
        done: list[OSError | None] = []
        while len(asked) - len(done) > 1 and (kernel := self._get()) is not None:
            some = asked[len(done) :][:AT_A_TIME]
            now, meanwhile = meanwhile, _nothing
            try:
                answers = kernel.sync(some, now)
            except OSError as error:
                # What it said of these is lost, and may come with the next batch: they fail, and the kernel is asked no more.
                self._kernel = None
                done += [error] * len(some)
                continue
            if not answers:
                break
            done += [OSError(-answer, os.strerror(-answer)) if answer else None for answer in answers]
        rest = asked[len(done) :]
        # The disk works on all while we wait for one.
        begun = [start_writeback(descriptor) if len(rest) > 1 else None for descriptor, _ in rest]
        meanwhile()
        return done + [error or _one(*each) for each, error in zip(rest, begun, strict=True)]

    def _get(self) -> Kernel | None:
        make, self._make = self._make, None
        if make is not None:
            with contextlib.suppress(Unavailable):
                self._kernel = make()
        return self._kernel
