"""The port `Mailboxes` in tests: one in memory, and the suite that every implementation passes.

class TestMine(MailboxesSuite, TestCase):
    def build(self, household: Household) -> Mailboxes:
        return Mine(...)
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.internet.defer import Deferred

from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.model.mailbox import (
    DISABLED,
    NOT_OURS,
    OVER_QUOTA,
    UNKNOWN,
    Destination,
    Lookup,
    Outcome,
)
from twistedmx.ports import Mailboxes
from twistedmx.smtp.path import NULL, POSTMASTER, Path, parse_path

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object


def found(*addresses: str) -> Lookup:
    """The answer that each of `addresses` gets a copy, in /mail/ADDRESS."""
    destinations = (Destination(address=address.encode(), maildir=f"/mail/{address}") for address in addresses)
    return Lookup(outcome=Outcome.FOUND, destinations=tuple(destinations))


class FakeMailboxes:
    """A dict of answers.

    `answers`: by address, and by "@domain" for every other address there; a domain that has any is an own one, whose
    postmaster is found also without an answer of its own, and abuse where postmaster is. `late`: every look-up waits for
    `answer_all`. `failure`: is what every look-up raises, or ends in when it is late. `refreshed`: how often. `asked`: what
    for.
    """

    def __init__(self, answers: Mapping[str, Lookup]) -> None:
        self.late = False
        self.failure: Exception | None = None
        self.refreshed = 0
        self.asked: list[Path] = []
        self._waiting: list[tuple[Path, Deferred[Lookup]]] = []
        self._answers: dict[bytes, Lookup] = {}
        self._rest: dict[bytes, Lookup] = {}
        for address, answer in answers.items():
            local, _, domain = address.rpartition("@")
            own = domain_key(domain.encode())
            if local:
                self._answers[key_of(parse_path(address.encode()))] = answer
                self._rest.setdefault(own, UNKNOWN)
            else:
                self._rest[own] = answer
        for own, rest in self._rest.items():
            postmaster = f"postmaster@{own.decode()}"
            self._answers.setdefault(postmaster.encode(), found(postmaster) if rest is UNKNOWN else rest)
            self._answers.setdefault(POSTMASTER.key, self._answers[postmaster.encode()])
            self._answers.setdefault(b"abuse@" + own, self._answers[postmaster.encode()] if rest is UNKNOWN else rest)

    def refresh(self) -> None:
        self.refreshed += 1

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        self.asked.append(path)
        if self.late:
            answer: Deferred[Lookup] = Deferred()
            self._waiting.append((path, answer))
            return answer
        if self.failure is not None:
            raise self.failure
        return self._answer(path)

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        if self.late or self.failure is not None:
            return False
        paths = [Path(address, domain) for address in addresses]
        if any(self._answer(path) is not UNKNOWN for path in paths):
            return False
        self.asked.extend(paths)
        return True

    def answer_all(self) -> None:
        """What waits gets its answer, or the failure."""
        waiting, self._waiting = self._waiting, []
        for path, answer in waiting:
            if self.failure is not None:
                answer.errback(self.failure)
            else:
                answer.callback(self._answer(path))

    def _answer(self, path: Path) -> Lookup:
        answer = self._answers.get(key_of(path))
        return self._rest.get(domain_key(path.domain), NOT_OURS) if answer is None else answer


@attrs.frozen(kw_only=True)
class Household:
    """What a backend is built from in the suite, in no backend's own words.

    `domains`: own ones, the first first. `mailboxes`: addresses that have a Maildir each. `aliases`: targets by
    address, "@domain" for a catch-all.
    """

    domains: Sequence[str] = ("example.org",)
    mailboxes: Sequence[str] = ()
    aliases: Mapping[str, Sequence[str]] = attrs.Factory(dict)
    disabled: Sequence[str] = ()
    over_quota: Sequence[str] = ()


class MailboxesSuite(_TestCase):
    """Mix into a trial TestCase, and say how to build. What a backend has no words for, `build` raises SkipTest for."""

    def build(self, household: Household) -> Mailboxes:
        """The implementation under test, ready to answer."""
        raise NotImplementedError

    async def _find(self, mailboxes: Mailboxes, address: str) -> Lookup:
        answer = mailboxes.find(parse_path(address.encode()))
        return answer if isinstance(answer, Lookup) else await answer

    async def _addresses(self, mailboxes: Mailboxes, address: str) -> list[bytes]:
        return [destination.address for destination in (await self._find(mailboxes, address)).destinations]

    async def test_a_mailbox_is_found_with_one_absolute_maildir(self) -> None:
        """Delivery joins file names to it: a relative one would land wherever the server was started."""
        answer = await self._find(self.build(Household(mailboxes=["ann@example.org"])), "ann@example.org")
        self.assertIs(answer.outcome, Outcome.FOUND)
        self.assertEqual([each.address for each in answer.destinations], [b"ann@example.org"])
        self.assertTrue(answer.destinations[0].maildir.startswith("/"))

    async def test_two_mailboxes_have_two_maildirs(self) -> None:
        """Else one of them reads the other's mail."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org", "bob@example.org"]))
        maildirs = [
            (await self._find(mailboxes, each)).destinations[0].maildir
            for each in ("ann@example.org", "bob@example.org")
        ]
        self.assertEqual(len(set(maildirs)), 2)

    async def test_an_unknown_name_of_an_own_domain_is_unknown_and_any_of_another_is_not_ours(self) -> None:
        """One is 550 5.1.1, the other the refusal to relay: a server that mixes them up is an open relay."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org"]))
        self.assertEqual(await self._find(mailboxes, "nobody@example.org"), UNKNOWN)
        for address in ("ann@example.net", "ann@sub.example.org", "ann@[192.0.2.1]", "ann@org"):
            self.assertEqual(await self._find(mailboxes, address), NOT_OURS, address)

    async def test_what_is_told_of_many_at_once_is_what_is_found_of_each(self) -> None:
        """The guesses of a flood are asked for together: one mailbox that is called unknown then is a lost customer."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org"]))
        for local_parts in (["x", "y.z"], ["ann"], ["x", "Ann", "y"], ["x", "postmaster"], ["ABUSE"], ["x"] * 3):
            for domain in ("example.org", "Example.ORG", "example.net"):
                addresses = [f"{local}@{domain}" for local in local_parts]
                found = [await self._find(mailboxes, address) for address in addresses]
                if mailboxes.none_of([address.encode() for address in addresses], domain.encode()):
                    self.assertEqual({answer.outcome for answer in found}, {Outcome.UNKNOWN}, addresses)

    async def test_an_own_domain_needs_no_mailboxes(self) -> None:
        """A domain that only sends is still ours, and its unknown names are not somebody else's."""
        mailboxes = self.build(Household(domains=["example.org", "example.net"], mailboxes=["ann@example.org"]))
        self.assertEqual(await self._find(mailboxes, "ann@example.net"), UNKNOWN)

    async def test_case_makes_no_difference(self) -> None:
        """People write addresses as they like; RFC 5321 2.4 leaves the local part to us."""
        mailboxes = self.build(Household(mailboxes=["Ann.Lee@Example.org"]))
        for address in ("ann.lee@example.org", "ANN.LEE@EXAMPLE.ORG"):
            self.assertIs((await self._find(mailboxes, address)).outcome, Outcome.FOUND, address)

    async def test_a_quoted_local_part_that_needs_no_quotes_is_the_same_mailbox(self) -> None:
        """RFC 5321 4.1.2: the quotes are not part of the name."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org"]))
        self.assertEqual(await self._addresses(mailboxes, '"ann"@example.org'), [b"ann@example.org"])

    async def test_u_labels_and_a_labels_are_the_same_domain(self) -> None:
        """Whether a peer speaks SMTPUTF8 must not decide whether a mailbox exists (RFC 6531 3.2)."""
        mailboxes = self.build(Household(domains=["bücher.example"], mailboxes=["ann@bücher.example"]))
        for address in ("ann@xn--bcher-kva.example", "ann@BÜCHER.example", "ann@XN--BCHER-KVA.example"):
            self.assertIs((await self._find(mailboxes, address)).outcome, Outcome.FOUND, address)

    async def test_postmaster_of_every_own_domain_is_found(self) -> None:
        """RFC 5321 4.5.1: it is whom a stranger asks when mail to us fails."""
        mailboxes = self.build(Household(domains=["example.org", "example.net"], mailboxes=["ann@example.org"]))
        for address in ("postmaster@example.org", "POSTMASTER@example.net", "postmaster", "Postmaster"):
            self.assertIs((await self._find(mailboxes, address)).outcome, Outcome.FOUND, address)

    async def test_postmaster_without_a_domain_is_that_of_the_first_own_domain(self) -> None:
        """RFC 5321 4.1.1.3: <Postmaster> must be taken as it stands."""
        household = Household(
            domains=["example.org", "example.net"], mailboxes=["postmaster@example.org", "postmaster@example.net"]
        )
        self.assertEqual(await self._addresses(self.build(household), "postmaster"), [b"postmaster@example.org"])

    async def test_a_postmaster_that_is_there_is_found_in_his_own_maildir(self) -> None:
        """What an operator made for it goes before what is made for those who have none."""
        household = Household(mailboxes=["ann@example.org", "postmaster@example.org"])
        mailboxes = self.build(household)
        ann, postmaster = [await self._find(mailboxes, each) for each in ("ann@example.org", "Postmaster@example.org")]
        self.assertEqual(await self._addresses(mailboxes, "PostMaster@example.org"), [b"postmaster@example.org"])
        self.assertNotEqual(ann.destinations[0].maildir, postmaster.destinations[0].maildir)

    async def test_abuse_of_every_own_domain_goes_where_postmaster_goes(self) -> None:
        """RFC 2142 4: it is whom others write to about us; refused, they list us instead."""
        household = Household(domains=["example.org", "example.net"], mailboxes=["postmaster@example.net"])
        mailboxes = self.build(household)
        for domain in ("example.org", "example.net"):
            abuse = await self._find(mailboxes, f"Abuse@{domain}")
            self.assertEqual(abuse, await self._find(mailboxes, f"postmaster@{domain}"))
            self.assertIs(abuse.outcome, Outcome.FOUND)

    async def test_one_name_in_two_domains_is_two_mailboxes(self) -> None:
        """ann of one customer must not read the mail of the other's, nor exist because that one does."""
        household = Household(
            domains=["example.org", "example.net", "example.com"], mailboxes=["ann@example.org", "ann@example.net"]
        )
        mailboxes = self.build(household)
        found = [(await self._find(mailboxes, f"ann@{domain}")).destinations for domain in household.domains]
        self.assertEqual(
            [[each.address for each in one] for one in found[:2]], [[b"ann@example.org"], [b"ann@example.net"]]
        )
        self.assertNotEqual(found[0][0].maildir, found[1][0].maildir)
        self.assertEqual(found[2], ())

    async def test_an_alias_of_a_full_mailbox_is_full(self) -> None:
        """250 would promise that mailbox a copy which it does not get."""
        household = Household(
            mailboxes=["ann@example.org"],
            over_quota=["full@example.org"],
            aliases={"all@example.org": ["ann@example.org", "full@example.org"]},
        )
        self.assertEqual(await self._find(self.build(household), "all@example.org"), OVER_QUOTA)

    async def test_an_alias_goes_to_its_targets_in_order_each_maildir_once(self) -> None:
        """Two copies of one message in one Maildir are a complaint."""
        household = Household(
            mailboxes=["ann@example.org", "bob@example.org"],
            aliases={
                "all@example.org": ["bob@example.org", "staff@example.org", "ann@example.org"],
                "staff@example.org": ["ann@example.org", "bob@example.org"],
            },
        )
        mailboxes = self.build(household)
        self.assertEqual(await self._addresses(mailboxes, "all@example.org"), [b"bob@example.org", b"ann@example.org"])
        self.assertEqual(
            await self._addresses(mailboxes, "staff@example.org"), [b"ann@example.org", b"bob@example.org"]
        )

    async def test_a_catch_all_serves_what_has_no_entry(self) -> None:
        """And nothing else: not the names that have one, not other domains."""
        household = Household(
            domains=["example.org", "example.net"],
            mailboxes=["ann@example.org", "bob@example.org"],
            aliases={"@example.org": ["ann@example.org"]},
        )
        mailboxes = self.build(household)
        self.assertEqual(await self._addresses(mailboxes, "whoever@example.org"), [b"ann@example.org"])
        self.assertEqual(await self._addresses(mailboxes, "bob@example.org"), [b"bob@example.org"])
        self.assertEqual(await self._find(mailboxes, "whoever@example.net"), UNKNOWN)

    async def test_a_disabled_and_a_full_mailbox_are_told_apart(self) -> None:
        """One is refused for good, the other only for now."""
        household = Household(disabled=["old@example.org"], over_quota=["full@example.org"])
        mailboxes = self.build(household)
        self.assertEqual(await self._find(mailboxes, "old@example.org"), DISABLED)
        self.assertEqual(await self._find(mailboxes, "full@example.org"), OVER_QUOTA)

    async def test_any_path_gets_an_answer(self) -> None:
        """A Path of octets that no grammar let through must not end a session with a traceback."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org"]))
        for path in (
            NULL,
            POSTMASTER,
            Path(address=b"\xff@\xff", domain=b"\xff"),
            Path(address=b"@example.org", domain=b"example.org"),
        ):
            answer = mailboxes.find(path)
            self.assertIsInstance(answer if isinstance(answer, Lookup) else await answer, Lookup)

    async def test_refresh_never_raises_and_changes_nothing_that_was_not_edited(self) -> None:
        """It is called at every connection."""
        mailboxes = self.build(Household(mailboxes=["ann@example.org"]))
        before = await self._find(mailboxes, "ann@example.org")
        mailboxes.refresh()
        mailboxes.refresh()
        self.assertEqual(await self._find(mailboxes, "ann@example.org"), before)
