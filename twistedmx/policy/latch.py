"""A state that is entered at once and left late, so that it does not change with each wave."""


class Latch:
    """`on`: the state. `last`: when it was last held there, in the time that `judge` is given."""

    __slots__ = ("last", "on")

    def __init__(self) -> None:
        self.on = False
        self.last = 0.0

    def judge(self, time: float, *, enters: bool, stays: bool, calm: float) -> bool:
        """The state from now on. `enters`: the upper mark is reached; `stays`: the lower one is. `calm`: so long below it ends it.

        `time`: seconds of a clock that is never put back.
        """
        if enters or (self.on and stays):
            self.on = True
            self.last = time
        elif time - self.last >= calm:
            self.on = False
        return self.on
