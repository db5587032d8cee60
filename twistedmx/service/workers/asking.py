"""The commands of a supervisor: what it knows itself, and else what its workers answer, put together."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twistedmx.net.control import Command, Refused
from twistedmx.net.steering import worker_of
from twistedmx.service.adjusting import adjusted_by
from twistedmx.service.faults import Faults
from twistedmx.service.samples import MOST
from twistedmx.service.workers import sums
from twistedmx.service.workers.crew import Answer, Crew
from twistedmx.service.workers.post import Post

if TYPE_CHECKING:
    from twistedmx.service.workers.supervisor import Supervisor

Join = Callable[[Sequence[Any]], Any]

_NOBODY: Final = "no worker serves just now; the log says why: try again in a moment"


def commands(supervisor: "Supervisor") -> dict[str, Command]:
    """By name. What the workers share, as the blocklist, has the commands of who keeps it."""
    crew = supervisor.crew
    return {
        "attacks": partial(
            _of_all, crew, "attacks", lambda told: supervisor.side.put_right("attacks", sums.attacks(told))
        ),
        "campaigns": partial(_of_all, crew, "campaigns", sums.campaigns),
        "history": partial(_of_all, crew, "history", sums.history),
        "rcpt": partial(_of_one, crew, "rcpt"),
        "reload": partial(_reload, supervisor),
        "reputation": partial(_reputation, supervisor),
        "samples": partial(_samples, crew),
        "set": partial(adjusted_by, supervisor.set),
        "status": partial(_status, supervisor),
        "upgrade": supervisor.upgrade,
        "why": partial(_of_all, crew, "why", sums.why),
        **supervisor.side.commands,
    }


async def _answers(
    crew: Crew, name: str, arguments: Mapping[str, Any], of: Sequence[Post] | None = None
) -> list[Answer]:
    """One at least. Raises Refused."""
    answers = await crew.ask("command", {"command": name, "arguments": dict(arguments)}, of=of)
    if not answers:
        raise Refused(_NOBODY)
    return answers


async def _values(crew: Crew, name: str, arguments: Mapping[str, Any]) -> list[Any]:
    answers = await _answers(crew, name, arguments)
    values = [answer.value for answer in answers if answer.refused is None]
    if not values:
        raise Refused(str(answers[0].refused))
    return values


async def _of_all(crew: Crew, name: str, join: Join, arguments: Mapping[str, Any]) -> Any:
    """What all say that do not refuse it, joined."""
    return join(await _values(crew, name, arguments))


async def _of_one(crew: Crew, name: str, arguments: Mapping[str, Any], number: int | None = None) -> Any:
    """This one's answer, or that of any."""
    chosen = [post for post in crew.serving() if number in (None, post.number)][:1]
    (answer,) = await _answers(crew, name, arguments, chosen)
    if answer.refused is not None:
        raise Refused(answer.refused)
    return answer.value


async def _reputation(supervisor: "Supervisor", arguments: Mapping[str, Any]) -> Any:
    """Of the worker whose host it is. Who serves no host at such an address says what is wrong with it."""
    crew = supervisor.crew
    try:
        number = worker_of(str(arguments.get("address") or ""), len(crew.posts))
    except ValueError:
        number = None
    if number is not None:
        supervisor.side.before_opinion(number, str(arguments.get("address")))
    return await _of_one(crew, "reputation", arguments, number)


async def _samples(crew: Crew, arguments: Mapping[str, Any]) -> Any:
    told = await _values(crew, "samples", arguments)  # what is no number is refused there
    return sums.samples(told, max(int(arguments.get("most") or MOST), 1))


async def _reload(supervisor: "Supervisor", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """{"changed": [key, ...]}. Refused with every fault, a line each."""
    try:
        return {"changed": await supervisor.reload()}
    except Faults as error:
        raise Refused("\n".join(error.faults)) from None


async def _status(supervisor: "Supervisor", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Of all, and "workers": [{"number", "pid", "state", "sessions", "since", "restarts"}, ...]."""
    crew = supervisor.crew
    answers = await crew.ask("command", {"command": "status", "arguments": {}})
    told = {answer.number: answer.value for answer in answers if answer.refused is None}
    whole = sums.status(list(told.values())) if told else {}
    return {
        **supervisor.side.put_right("status", whole),
        **supervisor.told(),
        "workers": [
            {
                "number": post.number,
                "pid": post.pid,
                "state": post.state.value,
                "sessions": told[post.number]["sessions"]["open"] if post.number in told else None,
                "since": post.since,
                "restarts": post.restarts,
            }
            for post in crew.posts
        ],
    }
