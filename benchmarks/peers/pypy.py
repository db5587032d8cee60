"""What is run by PyPy: an environment of its own, made by benchmarks.peers.install, with the packages that ours needs."""

from pathlib import Path

from benchmarks.peers.peer import Peer, Place, first_line
from twistedmx.service.interpreter import ADVICE, NURSERY

__all__ = ["ADVICE", "NURSERY", "OnPyPy"]


class OnPyPy(Peer):
    """Before the server that it runs."""

    warm_seconds = 20  # it compiles what runs often

    def python(self) -> str:
        """PyPy."""
        return str(self._python)

    @property
    def _python(self) -> Path:
        return (self.programs or Path()) / "pypy" / "bin" / "pypy3"

    def why_not(self) -> str:
        return "" if self._python.exists() else "PyPy is not there: python -m benchmarks.peers.install --only pypy"

    def version(self) -> str:
        said = first_line(self._python, "-c", "import sys; print('PyPy %d.%d.%d' % sys.pypy_version_info[:3])")
        return f"{super().version()}, {said}"

    def environment(self, place: Place) -> dict[str, str]:
        return {**super().environment(place), NURSERY: ADVICE}
