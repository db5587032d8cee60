"""`twistedmx rcpt`: what would a peer hear of this recipient, from which backend, and why?"""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import NoServer, Refused

_EXAMPLE: Final = """\
$ twistedmx rcpt ann@example.org bob@example.org
ann@example.org: 250 2.1.5 Recipient ok (mailboxes.sql[0]) -> /srv/mail/example.org/ann
bob@example.org: 550 5.1.1 No such mailbox here (mailboxes.sql[0]: unknown-mailbox)"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS", help="local-part@domain")
    parser.add_argument(
        "--offline", action="store_true", help="ask the backends of the settings, not the running server"
    )


def run(call: Call) -> Status:
    """Of the running server; where none runs, of its settings."""
    if call.options.offline:
        answers = _of_settings(call)
    else:
        try:
            answers = _of_server(call)
        except NoServer as error:
            call.terminal.complain(f"twistedmx rcpt: {error}")
            call.terminal.complain(f"twistedmx rcpt: asked of the settings alone: {call.config}")
            answers = _of_settings(call)
    if call.options.json:
        call.terminal.document(answers)
    for answer in answers:
        if "error" in answer:
            call.terminal.complain(f"twistedmx rcpt: {answer['error']}")
        elif not call.options.json:
            call.terminal.say(line_of(answer))
    return Status.GOOD if all(answer.get("verdict") == "accept" for answer in answers) else Status.NO


def _of_server(call: Call) -> list[Mapping[str, Any]]:
    answers: list[Mapping[str, Any]] = []
    for address in call.options.addresses:
        try:
            answers.append(call.ask("rcpt", {"address": address}))
        except Refused as error:
            answers.append({"address": address, "error": str(error)})
    return answers


def _of_settings(call: Call) -> list[Mapping[str, Any]]:
    try:
        return list(call.world.look_up(call.config, call.options.addresses))
    except ValueError as error:
        raise Refused(str(error)) from None


def line_of(answer: Mapping[str, Any]) -> str:
    """One line of what a server answered. Shapes: `twistedmx.service.look_up`."""
    accepted = answer.get("verdict") == "accept"
    why = [str(answer.get("backend") or "")]
    if not accepted:
        why.append(str(answer.get("reason") or ""))
    why.append(str(answer.get("detail") or ""))
    line = f"{answer.get('address')}: {answer.get('reply')}"
    if said := ": ".join(filter(None, why)):
        line += f" ({said})"
    places = [_place(to) for to in answer.get("destinations") or ()]
    return f"{line} -> {', '.join(places)}" if places else line


def _place(to: Mapping[str, Any]) -> str:
    return f"{to.get('maildir')} as {to['owner']}" if to.get("owner") else str(to.get("maildir"))


RCPT: Final = Command(
    name="rcpt",
    what="what would the server answer to this recipient, and why?",
    about=(
        "Asks the running server; where none runs, or with --offline, the backends that the settings describe.\n"
        "Status 0 when every recipient would be accepted."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
