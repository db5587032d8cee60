"""The port `Passwords` in tests: one in memory, and the suite that every implementation passes.

class TestMine(PasswordsSuite, TestCase):
    def build(self, users: Mapping[bytes, bytes]) -> Passwords:
        return Mine(...)
"""

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from twistedmx.model.login import CouldNotTell, Known, Recognition, Unknown
from twistedmx.ports import Passwords
from twistedmx.smtp.sasl import CRAM_MD5, LOGIN, PLAIN, Credentials

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object


def digest_of(password: bytes, challenge: bytes) -> bytes:
    """What a client answers to `challenge` (RFC 2195 2)."""
    return hmac.new(password, challenge, "md5").hexdigest().encode()


class FakePasswords:
    """A dict of passwords by user. `late`: every check waits for `answer_all`. `outcome`: what every check gives, unless it is
    None. `failure`: what every check ends in, unless it is None. `asked`: users that were; `cancelled`: checks that nobody waited
    for any more."""

    def __init__(self, users: Mapping[bytes, bytes]) -> None:
        self.late = False
        self.outcome: Recognition | None = None
        self.failure: Exception | None = None
        self.asked: list[bytes] = []
        self.cancelled = 0
        self._users = dict(users)
        self._waiting: list[tuple[Deferred[Recognition], Recognition]] = []

    def check(self, credentials: Credentials) -> Deferred[Recognition]:
        self.asked.append(credentials.user)
        if self.failure is not None:
            return fail(self.failure)
        recognition = self.outcome or self._recognized(credentials)
        if not self.late:
            return succeed(recognition)
        answer: Deferred[Recognition] = Deferred(self._cancel)
        self._waiting.append((answer, recognition))
        return answer

    def answer_all(self) -> None:
        """What waits is answered."""
        waiting, self._waiting = self._waiting, []
        for answer, recognition in waiting:
            answer.callback(recognition)

    def _recognized(self, credentials: Credentials) -> Recognition:
        password = self._users.get(credentials.user)
        if password is None:
            return Unknown("no such user")
        if credentials.mechanism == CRAM_MD5:
            password = digest_of(password, credentials.challenge)
        return Known(credentials.user) if password == credentials.password else Unknown("not his password")

    def _cancel(self, answer: Deferred[Recognition]) -> None:
        self.cancelled += 1
        self._waiting = [each for each in self._waiting if each[0] is not answer]


class PasswordsSuite(_TestCase):
    """Mix into a trial TestCase, and say how to build."""

    def build(self, users: Mapping[bytes, bytes]) -> Passwords:
        """The implementation under test, which knows these users and their passwords."""
        raise NotImplementedError

    async def _check(
        self, user: bytes, password: bytes, mechanism: bytes = PLAIN, challenge: bytes = b""
    ) -> Recognition:
        passwords = self.build({b"ann@example.org": b"se cret", b"b\xfcb": b"\xff\x01"})
        credentials = Credentials(mechanism=mechanism, user=user, password=password, challenge=challenge)
        return await passwords.check(credentials)

    async def test_a_user_with_his_password_is_known(self) -> None:
        """By PLAIN and by LOGIN alike."""
        for mechanism in (PLAIN, LOGIN):
            found = await self._check(b"ann@example.org", b"se cret", mechanism)
            self.assertEqual(found, Known(b"ann@example.org"))

    async def test_octets_are_compared_as_they_are(self) -> None:
        """A password in another character set than UTF-8 is one all the same."""
        self.assertEqual(await self._check(b"b\xfcb", b"\xff\x01"), Known(b"b\xfcb"))

    async def test_cram_md5(self) -> None:
        """The digest of the challenge, and of no other."""
        challenge = b"<1.2@mx.example.org>"
        digest = digest_of(b"se cret", challenge)
        found = await self._check(b"ann@example.org", digest, CRAM_MD5, challenge)
        self.assertEqual(found, Known(b"ann@example.org"))
        found = await self._check(b"ann@example.org", digest, CRAM_MD5, b"<1.3@mx.example.org>")
        self.assertIsInstance(found, Unknown)

    async def test_another_password_and_another_user_are_unknown(self) -> None:
        """And the two are not told apart."""
        for user, password in (
            (b"ann@example.org", b"secret"),
            (b"ann@example.org", b"se cret "),
            (b"ann@example.com", b"se cret"),
            (b"ann", b"se cret"),
        ):
            self.assertIsInstance(await self._check(user, password), Unknown, user)

    async def test_nothing_that_is_long_raises(self) -> None:
        """The wire lets a password through that is as long as a line."""
        for length in (156, 512, 12_288):
            self.assertNotIsInstance(await self._check(b"ann@example.org", b"x" * length), Known)

    async def test_a_check_may_be_cancelled(self) -> None:
        """The client is gone. Whatever becomes of it then, nobody hears more of it than that."""
        passwords = self.build({b"ann@example.org": b"secret"})
        checking = passwords.check(Credentials(mechanism=PLAIN, user=b"ann@example.org", password=b"secret"))
        deferred = checking if isinstance(checking, Deferred) else Deferred.fromCoroutine(_wait(checking))
        deferred.cancel()
        try:
            found = await deferred
        except CancelledError:
            return
        self.assertIsInstance(found, Known | CouldNotTell)


async def _wait(awaitable: object) -> Recognition:
    return await awaitable  # type: ignore[misc, no-any-return]
