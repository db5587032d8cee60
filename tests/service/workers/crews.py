"""Workers that are none: a launch that makes a process in memory, whose channel is pumped."""

from twisted.internet.task import Clock

from tests.service.workers.pair import Pair
from twistedmx.net.control import Refused
from twistedmx.service.workers.crew import Crew
from twistedmx.service.workers.post import Post
from twistedmx.service.workers.sides import Nothing


class FakeProcess:
    """Answers as a worker does, until it is killed. `faults`: why it cannot begin. `answers`: by kind; Refused is raised."""

    def __init__(self, told, pid, faults, answers):
        self.told, self.pid, self.faults, self.answers = told, pid, faults, answers
        self.asked = []
        self.is_silent = False
        kinds = ("begin", "serve", "ping", "stop", "prepare", "take", "drop", "command", "metrics", "retire")
        self.pair = Pair(told.hear, {kind: self._hearing(kind) for kind in kinds})
        self.channel = self.pair.one
        self.is_over = False

    def _hearing(self, kind):
        def hear(value):
            self.asked.append((kind, value))
            if kind == "begin" and self.faults:
                raise Refused(self.faults)
            if kind == "stop" and not self.is_silent:
                self.end("ended")
            answer = self.answers.get(kind)
            if isinstance(answer, Exception):
                raise answer
            return answer(value) if callable(answer) else answer

        return hear

    def kinds(self):
        return [kind for kind, _ in self.asked if kind != "ping"]

    def end(self, how):
        if not self.is_over:
            self.is_over = True
            self.pair.cut()
            self.told.ended(how)

    def kill(self):
        self.end("was ended by signal 9")


class Fakes:
    """`launch`: of a crew. `processes`: all there have been. `faults`: of the next ones; `error`: an OSError for them."""

    def __init__(self):
        self.clock = Clock()
        self.processes = []
        self.faults = ""
        self.error = None
        self.answers = {}
        self.sockets = []

    def launch(self, told, sockets):
        if self.error is not None:
            raise self.error
        self.sockets.append(list(sockets))
        self.processes.append(FakeProcess(told, 100 + len(self.processes), self.faults, self.answers))
        return self.processes[-1]

    def pump(self):
        while any(end.sent for process in self.processes if not process.is_over for end in process.pair._ends):
            for process in list(self.processes):
                process.pair.pump()

    def advance(self, seconds):
        self.pump()
        self.clock.advance(seconds)
        self.pump()


class FakeCrew(Fakes):
    """A crew of such. `heard`: what became of it."""

    def __init__(self, workers=2, side=None):
        super().__init__()
        self.heard = []
        self.side = side if side is not None else Nothing()
        posts = [
            Post(
                number,
                clock=self.clock,
                now=lambda: 1000.0 + self.clock.seconds(),
                launch=self.launch,
                side=self.side,
                sockets=[f"socket {number}"],
                first=lambda number: {"number": number, "octets": "old"},
                served=lambda post: (self.heard.append(f"{post.number} serves"), self.crew.served()),
                emptied=lambda post: (self.heard.append(f"{post.number} is gone"), self.crew.emptied()),
            )
            for number in range(workers)
        ]
        self.crew = Crew(posts, clock=self.clock, ready=lambda: self.heard.append("ready"))

    def start(self):
        self.crew.start()
        self.pump()
        return self
