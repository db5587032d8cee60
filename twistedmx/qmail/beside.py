"""Questions that may hang, as of homes (NFS, autofs) and the users of the system (LDAP): in a few threads of their own, beside the
reactor's, which queue programs and mailboxes need, and with a time limit.

A question beyond those that may wait, and one that is not answered in time, could not be told: 451. Its thread goes on until the
disk or the name service answers; while every thread is held by such a one, whoever asks is told so at once.

The threads are daemons, and nobody waits for them at the end: twisted.python.threadpool joins its own, and a home that hangs would
keep the server from stopping.

BUGS: one home that hangs can hold all of the threads, and users elsewhere hear 451 as long.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from twistedmx.qmail.doubt import CouldNotTell

THREADS: Final = 8  # the most that hang
LINE: Final = 128  # questions that wait for one of them: a thousand a second are answered where nothing hangs
TIME_LIMIT: Final = 10.0  # seconds, with the wait; a peer waits five minutes for a reply (RFC 5321 4.5.3.2)


@attrs.define(kw_only=True, eq=False)
class _Question:
    call: Callable[[], Any]
    answer: Deferred[Any] | None = None  # None: nobody waits for it any more
    limit: IDelayedCall | None = None


class Beside:
    """To be stopped. `clock`: timers. `call_from_thread`: as the reactor's callFromThread."""

    def __init__(self, *, clock: IReactorTime, call_from_thread: Callable[..., object]) -> None:
        self._clock = clock
        self._call_from_thread = call_from_thread
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._line: deque[_Question] = deque()
        self._asked: set[_Question] = set()  # in a thread
        self._given_up: set[_Question] = set()  # of these
        self._threads = 0
        self._stopped = False

    def run(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """What `call` returns or raises, in a thread; or fails with CouldNotTell. May be cancelled."""
        if self._stopped or len(self._given_up) >= THREADS or len(self._line) >= LINE:
            return fail(_doubt("have not answered others yet"))
        question = _Question(call=partial(call, *arguments))
        question.answer = Deferred(lambda _: self._leave(question))
        question.limit = self._clock.callLater(TIME_LIMIT, self._give_up, question)
        self._line.append(question)
        self._next()
        return question.answer

    def stop(self) -> None:
        """Nothing more is asked, and who waits is told so. Harmless twice."""
        self._stopped = True
        waiting = [*self._line, *self._asked]
        self._line.clear()
        for question in waiting:
            self._answer(question, Failure(_doubt("are not asked any more: the server stops")))
        for _ in range(self._threads):
            self._questions.put(None)
        self._threads = 0

    def _next(self) -> None:
        while self._line and len(self._asked) < THREADS:
            question = self._line.popleft()
            self._asked.add(question)
            if self._threads < len(self._asked):
                self._threads += 1
                threading.Thread(target=self._work, name="beside", daemon=True).start()
            self._questions.put(question)

    def _work(self) -> None:
        """In a thread."""
        while (question := self._questions.get()) is not None:
            try:
                result = question.call()
            except BaseException:
                result = Failure()
            self._call_from_thread(self._ended, question, result)

    def _ended(self, question: _Question, result: Any) -> None:
        self._asked.discard(question)
        self._given_up.discard(question)
        self._next()
        self._answer(question, result)

    def _give_up(self, question: _Question) -> None:
        if question in self._asked:
            self._given_up.add(question)
        else:
            self._line.remove(question)
        self._answer(question, Failure(_doubt(f"have not answered within {TIME_LIMIT:.0f} s")))

    def _leave(self, question: _Question) -> None:
        """Who has asked is gone. What is in a thread is still to be given up in its time."""
        question.answer = None
        if question in self._line:
            self._line.remove(question)
            self._answer(question, None)

    def _answer(self, question: _Question, result: Any) -> None:
        limit, answer, question.answer = question.limit, question.answer, None
        if limit is not None and limit.active():
            limit.cancel()
        if answer is not None:
            answer.callback(result)


def _doubt(found: str) -> CouldNotTell:
    return CouldNotTell(
        "homes and users of the system",
        found,
        "see whether a mount, autofs or a server that /etc/nsswitch.conf asks hangs",
    )
