"""How often is dealt anew because a worker has answered. What is dealt may go round: of two who ask for the same last piece each
gives it up for the other. It is stopped here, and goes on at the next look, so that nobody is busy with it alone."""

from typing import Final

_MOST: Final = 500  # between two looks: enough for all workers and networks of which something is asked


class Rounds:
    """So many are left."""

    def __init__(self) -> None:
        self._left = _MOST

    def begin(self) -> None:
        """A look: again as many."""
        self._left = _MOST

    def another(self) -> bool:
        """Whether there may be one more."""
        self._left -= 1
        return self._left >= 0
