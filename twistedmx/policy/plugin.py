"""How policies are found: ours and everybody's alike, as plugins of Twisted (docs/policies.md).

A file in a folder twisted/plugins on the path of modules names each, and loads none: every start of any twistd may import it.

    from twistedmx.policy.plugin import PolicyMaker
    greeter = PolicyMaker("greeter", "greeter.Greeter")

BUGS: a file of plugins that cannot be loaded is told with its traceback by Twisted, wherever anything looks for plugins: in the
log of twistd, or on the terminal.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

from twisted.plugin import IPlugin, getPlugins
from twisted.python.modules import getModule
from zope.interface import Attribute, Interface, implementer

_PLUGINS: Final = "twisted.plugins"


class IPolicyMaker(Interface):
    """What makes a policy. To be provided together with `twisted.plugin.IPlugin`."""

    name = Attribute("What it is called in the settings, and in the log: a str.")
    what = Attribute("What it is for, in a sentence for the operator: a str.")
    stages = Attribute("Where it may be asked: a collection of twistedmx.model.stage.Stage.")
    settings = Attribute("The attrs class of its own settings, each made with twistedmx.setting.setting, or None.")

    def make(settings, means):  # type: ignore[no-untyped-def]  # as zope has it: without self
        """The policy (twistedmx.ports.Policy), of an instance of `settings`, or None, and a `twistedmx.policy.means.Means`.

        It may be called only to see whether it can be done, and in a thread: it begins nothing that goes on by itself. Raises
        ValueError with words for the operator.
        """


@implementer(IPlugin, IPolicyMaker)
class PolicyMaker:
    """Loads a class when it is needed, as ServiceMaker does a module. `policy`: its name, "module.Class".

    The class has `stages`; `settings`, an attrs class, where it has settings of its own; takes (settings, means); and the first
    paragraph of its docstring says what it is for.
    """

    def __init__(self, name: str, policy: str) -> None:
        self.name = name
        self.policy = policy

    def _load(self) -> Any:
        module, _, name = self.policy.rpartition(".")
        return getattr(import_module(module), name)

    @property
    def what(self) -> str:
        return " ".join((self._load().__doc__ or "").partition("\n\n")[0].split())

    @property
    def stages(self) -> Any:
        return self._load().stages

    @property
    def settings(self) -> Any:
        return getattr(self._load(), "settings", None)

    def make(self, settings: Any, means: Any) -> Any:
        return self._load()(settings, means)


class NoSuchPolicy(ValueError):
    """The words are for who wrote the name into the settings."""


def makers() -> list[Any]:
    """All that are installed, by name. A file of plugins that cannot be loaded is left out."""
    return sorted(getPlugins(IPolicyMaker), key=lambda maker: str(maker.name))


def ours() -> list[PolicyMaker]:
    """Those that come with the server."""
    return [each for each in makers() if isinstance(each, PolicyMaker) and each.policy.startswith("twistedmx.")]


_FOUND: Final[dict[str, list[Any]]] = {}  # what is loaded stays so, and need not be looked for at each reload
_ADDED: Final[dict[str, Any]] = {}


def add(maker: Any) -> None:
    """Let this one be found as well, though no file of plugins names it: for tests."""
    _ADDED[maker.name] = maker


def maker_of(name: str) -> Any:
    """The one of this name, loaded. Raises NoSuchPolicy."""
    if name in _ADDED:
        return _ADDED[name]
    if name not in _FOUND:
        _FOUND.clear()
        for maker in makers():
            _FOUND.setdefault(str(maker.name), []).append(maker)
    found = _FOUND.get(name, [])
    if len(found) > 1:
        raise NoSuchPolicy(f"{len(found)} installed policies are called {name!r}; uninstall all but one")
    if not found:
        raise NoSuchPolicy(_unknown(name, list(_FOUND)))
    try:
        found[0].settings, found[0].stages, found[0].what  # loads it
    except Exception as error:
        raise NoSuchPolicy(f"the policy {name!r} cannot be loaded: {_fault(error)}; mend or replace it") from None
    return found[0]


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    words = f"no policy is called {name!r}; "
    words += f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    broken = list(_broken())
    return words + f"; and these files of plugins cannot be loaded: {'; '.join(broken)}" if broken else words


def _broken() -> Iterator[str]:
    """Files of plugins that cannot be loaded, with the reason: any of them may be what the name was to be found in."""
    for module in getModule(_PLUGINS).iterModules():
        try:
            module.load()
        except Exception as error:
            yield f"{module.filePath.path}: {_fault(error)}"


def _fault(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
