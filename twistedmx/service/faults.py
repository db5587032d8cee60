"""What keeps settings from being used, in words for the operator."""

from collections.abc import Sequence


class CannotStart(Exception, SystemExit):
    """The text is for the operator's terminal; the status of the program is 1.

    Both an Exception, so that twistd cleans up after it, and a SystemExit, so that nobody is shown a traceback.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        self.text = "\n".join(f"twistedmx: {fault}" for fault in faults)
        super().__init__(self.text)
        self.code = self.text

    def __str__(self) -> str:
        return self.text


class Faults(ValueError):
    """Settings that describe nothing that could run. `faults`: "key: what is wrong; what to do", all of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))
