"""What is run by PyPy: an environment of its own, made by benchmarks.peers.install, with the packages that ours needs."""

from pathlib import Path

from benchmarks.peers.peer import Peer, Place, first_line
from twistedmx.service.interpreter import ADVICE, NURSERY

DIFFERS = (
    f"run by PyPy with {NURSERY}={ADVICE}; 20 s of load before what is measured, but not in `idle`, `victim`, `unpunished`, "
    "`tlsflood` and `governor`"
)
_VERSIONS = "import sys, twisted; print(twisted.__version__, '%d.%d.%d' % sys.pypy_version_info[:3])"


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
        twisted, _, pypy = first_line(self._python, "-c", _VERSIONS).partition(" ")
        return f"Twisted {twisted}, PyPy {pypy}"

    def environment(self, place: Place) -> dict[str, str]:
        return {**super().environment(place), NURSERY: ADVICE}
