"""`twistedmx reputation`: what the running server knows of a client, and what its conduct may lead to."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.campaigns import counts, of_many
from twistedmx.cli.campaigns import line_of as campaign_line_of
from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.cli.entries import line_of
from twistedmx.cli.times import length

_EXAMPLE: Final = """\
$ twistedmx reputation 203.0.114.9
host       203.0.114.9/32: good 1.8, bad 1.0, guesses 9.5, 2 of its sessions hung up on lately; heard of 4 min ago
proven     no: mail on 1 day, 1.8 messages of it counted by now; it takes 2 days, or 20 messages over 6 h
network    203.0.114.0/24: good 1.8, bad 3.2, 2 hosts hung up on (203.0.114.7/32, 203.0.114.8/32), good mail
prefix     not known
helo       a-9.pool.a.a: good 12.0, bad 431.5, of about 205 hosts in 190 networks
blocked    no
next       2 more sessions hung up on within 60 min, and it is blocked; its network is not condemned, for mail comes from there
half-life  7 d: what is shown is what is left of the counts by now"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addresses", nargs="*", metavar="ADDRESS", help="of a client")
    parser.add_argument(
        "--campaigns", action="store_true", help="what many hosts have in common that do nearly nothing but harm"
    )


def run(call: Call) -> Status:
    """Of each address; then the campaigns, if they were asked for."""
    chosen = call.options
    if not chosen.addresses and not chosen.campaigns:
        raise Refused("name an address, or ask for --campaigns")
    told = [call.ask("reputation", {"address": address}) for address in chosen.addresses]
    campaigns = call.ask("campaigns") if chosen.campaigns else []
    if call.options.json:
        call.terminal.document({"addresses": told, "campaigns": campaigns} if chosen.campaigns else told)
        return Status.GOOD
    for number, one in enumerate(told):
        if number:
            call.terminal.say()
        for line in page(one):
            call.terminal.say(line)
    for one in campaigns:
        call.terminal.say(campaign_line_of(one))
    if chosen.campaigns and not campaigns:
        call.terminal.say("no campaign is seen")
    return Status.GOOD


def page(told: Mapping[str, Any]) -> Iterator[str]:
    """The lines about one client."""
    host, prefix, block = told["host"], told["prefix"], told["block"]
    rows = [("host", f"{host['network']}: {_of_host(host)}")]
    rows.append(("proven", f"{'yes' if told['proven'] else 'no'}: {told['why']}"))
    rows.append(("network", _of_network(told["network"])))
    rows.append(("prefix", _of_network(prefix) if prefix else "not known"))
    rows += [("helo", f"{helo['shape']}: {of_many(helo)}") for helo in told["helos"]] or [("helo", "none")]
    rows.append(("blocked", line_of(block) if block else "no"))
    rows.append(("next", told["next"]))
    rows.append(("half-life", f"{length(told['half_life'])}: what is shown is what is left of the counts by now"))
    return (f"{label:9}  {words}" for label, words in rows)


def _of_host(host: Mapping[str, Any]) -> str:
    if not host["known"]:
        return "nothing is known of it"
    told = f"{counts(host)}, guesses {host['guesses']:.1f}"
    lately = f", {host['hung_up_lately']} of its sessions hung up on lately" if host["hung_up_lately"] else ""
    return f"{told}{lately}; heard of {length(host['age'])} ago"


def _of_network(network: Mapping[str, Any]) -> str:
    offenders = network["offenders"]
    named = f" ({', '.join(offenders)})" if offenders else ""
    mail = "good mail" if network["good_mail"] else "no good mail"
    hosts = f"{len(offenders)} host{'s' if len(offenders) != 1 else ''} hung up on{named}"
    return f"{network['network']}: {counts(network)}, {hosts}, {mail}"


REPUTATION: Final = Command(
    name="reputation",
    what="what is known of a client, and what its conduct may lead to",
    about="Good and bad counts of its host, network and HELO shape, whether it is proven and why. docs/reputation.md says how.",
    example=_EXAMPLE,
    options=_options,
    run=run,
)
