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
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Final

# io_setup, io_destroy, io_submit, io_getevents: the C library has no functions for them.
_NUMBERS: Final = {
    "x86_64": (206, 207, 209, 208),
    "aarch64": (0, 1, 2, 4),
    "riscv64": (0, 1, 2, 4),
}
_FSYNC, _FDSYNC = 2, 3  # IOCB_CMD_
AT_A_TIME: Final = 64  # as many kernel threads may wait at once


class _Request(ctypes.Structure):
    """struct iocb of linux/aio_abi.h, on little-endian machines."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("descriptor", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("octets", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("event_descriptor", ctypes.c_uint32),
    )


class _Done(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


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
        self._requests = (_Request * AT_A_TIME)()
        self._places = (ctypes.c_void_p * AT_A_TIME)(*map(ctypes.addressof, self._requests))
        self._done = (_Done * AT_A_TIME)()

    def sync(self, descriptors: Sequence[int], *, data_alone: bool) -> list[int]:
        """An answer, 0 or -errno, for as many of the first AT_A_TIME as the kernel took: it may take fewer, or none."""
        for place, descriptor in enumerate(descriptors[:AT_A_TIME]):
            request = self._requests[place]
            request.data = place
            request.opcode = _FDSYNC if data_alone else _FSYNC
            request.descriptor = descriptor
        taken = self._call(self._submit, self._context, ctypes.c_long(place + 1), self._places)
        answers = [0] * max(taken, 0)
        left = len(answers)
        while left:
            # All have to come back, or the answer of one would be taken for that of another in the next batch.
            count = ctypes.c_long(left)
            came = self._call(self._getevents, self._context, count, count, self._done, None)
            if came < 0 and (number := ctypes.get_errno()) != errno.EINTR:
                raise OSError(number, os.strerror(number))
            for place in range(came):
                answers[self._done[place].data] = self._done[place].result
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
        return _one(descriptor, data_alone=True)
    if _sync_file_range(descriptor, 0, 0, _WRITE_AND_WAIT) == 0:
        return None
    number = ctypes.get_errno()
    # A fault of the disk is told once: fsync would not hear of it any more.
    return _one(descriptor, data_alone=True) if number in _REFUSED else OSError(number, os.strerror(number))


def _one(descriptor: int, *, data_alone: bool) -> OSError | None:
    try:
        (os.fdatasync if data_alone else os.fsync)(descriptor)
    except OSError as error:
        return error
    return None


class Syncs:
    """`kernel`: makes what asks the kernel, or raises Unavailable."""

    def __init__(self, kernel: Callable[[], Kernel] = Kernel) -> None:
        self._make: Callable[[], Kernel] | None = kernel
        self._kernel: Kernel | None = None

    def sync(self, descriptors: Sequence[int], *, data_alone: bool) -> list[OSError | None]:
        """fsync(2) of each, or fdatasync(2); None, or what it said, for each in turn. Returns when the last is done."""
        done: list[OSError | None] = []
        while len(descriptors) - len(done) > 1 and (kernel := self._get()) is not None:
            asked = descriptors[len(done) :][:AT_A_TIME]
            try:
                answers = kernel.sync(asked, data_alone=data_alone)
            except OSError as error:
                # What it said of these is lost, and may come with the next batch: they fail, and the kernel is asked no more.
                self._kernel = None
                done += [error] * len(asked)
                continue
            if not answers:
                break
            done += [None if answer == 0 else OSError(-answer, os.strerror(-answer)) for answer in answers]
        rest = descriptors[len(done) :]
        # The disk works on all while we wait for one.
        begun = [start_writeback(descriptor) if len(rest) > 1 else None for descriptor in rest]
        return done + [
            error or _one(descriptor, data_alone=data_alone) for descriptor, error in zip(rest, begun, strict=True)
        ]

    def _get(self) -> Kernel | None:
        make, self._make = self._make, None
        if make is not None:
            with contextlib.suppress(Unavailable):
                self._kernel = make()
        return self._kernel
