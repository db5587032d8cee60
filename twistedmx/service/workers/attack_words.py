"""Sums of what a worker has seen, and what is under attack, as supervisor and workers say them: JSON, octets as Latin-1.

Every reader raises ValueError for what is none.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_sums import AttackSums, DomainSum, FloodSum
from twistedmx.policy.distinct import Sample
from twistedmx.service.workers.block_words import count_heard

T = TypeVar("T")

_OCTETS: Final = 300_000  # of a piece, at most, nearly
_HASH: Final = 21  # octets of one, with its comma
_ESCAPED: Final = 6  # octets of a sign, at most
_COUNT: Final = 10**9
_HASHES: Final = 1024  # of a sample
_ITEMS: Final = 100_000  # of a list
_LONGEST: Final = 4096  # octets of a name
_BITS: Final = 20
_HALF: Final = 2**63
_REASONS: Final = {reason.value: reason for reason in Reason}
_FIELDS: Final = ("domains", "tries", "floods", "hung_up")


class Marks(NamedTuple):
    """What is under attack, and flooded."""

    domains: tuple[bytes, ...] = ()
    addresses: tuple[bytes, ...] = ()


def said_sums(sums: AttackSums) -> Iterator[dict[str, Any]]:
    """In pieces, each an AttackSums by itself; none when there is nothing."""
    piece: dict[str, list[Any]] = {}
    octets = 0
    for field, size, words in _items(sums):
        if octets + size > _OCTETS and piece:
            yield piece
            piece, octets = {}, 0
        piece.setdefault(field, []).append(words)
        octets += size
    if piece:
        yield piece


def sums_heard(said: Any) -> AttackSums:
    """A piece."""
    if not isinstance(said, dict) or not said.keys() <= set(_FIELDS):
        raise ValueError(f"it is no object with {', '.join(_FIELDS)}")
    return AttackSums(
        domains=_each(said.get("domains", []), _domain),
        tries=_each(said.get("tries", []), lambda one: _row(one, _octets, _count)),
        floods=_each(said.get("floods", []), lambda one: FloodSum(*_row(one, _octets, _count, _sample))),
        hung_up=_each(said.get("hung_up", []), lambda one: _row(one, _reason, _count)),
    )


def said_marks(marks: Marks) -> dict[str, Any]:
    """As many as fit: those who are left out are not known to be."""
    room = _OCTETS
    said: dict[str, list[str]] = {"domains": [], "addresses": []}
    for name, octets in ((name, one) for name, some in zip(said, marks, strict=True) for one in some):
        room -= len(octets) * _ESCAPED
        if room < 0:
            break
        said[name].append(_text(octets))
    return said


def marks_heard(said: Any) -> Marks:
    """As `said_marks`."""
    if not isinstance(said, dict) or set(said) != {"domains", "addresses"}:
        raise ValueError("it is no object with domains and addresses")
    return Marks(_each(said["domains"], _octets), _each(said["addresses"], _octets))


def _items(sums: AttackSums) -> Iterator[tuple[str, int, Any]]:
    """Where each belongs, about how many octets it has, and what is said."""
    for one in sums.domains:
        hashes = len(one.names.hashes) + len(one.hosts.hashes) + len(one.known.hashes)
        size = hashes * _HASH + sum(map(len, (one.domain, *one.samples))) * _ESCAPED
        samples = [_text(name) for name in one.samples]
        yield "domains", size, [_text(one.domain), one.tries, *map(_said_sample, one[2:5]), samples]
    for address, tries in sums.tries:
        yield "tries", len(address) * _ESCAPED, [_text(address), tries]
    for flood in sums.floods:
        size = len(flood.address) * _ESCAPED + len(flood.hosts.hashes) * _HASH
        yield "floods", size, [_text(flood.address), flood.tries, _said_sample(flood.hosts)]
    for reason, count in sums.hung_up:
        yield "hung_up", _HASH, [reason.value, count]


def _said_sample(sample: Any) -> list[Any]:
    return [sample.bits, list(sample.hashes)]


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def _domain(said: Any) -> DomainSum:
    return DomainSum(*_row(said, _octets, _count, _sample, _sample, _sample, lambda names: _each(names, _octets)))


def _each(said: Any, heard: Callable[[Any], T]) -> tuple[T, ...]:
    if not isinstance(said, list) or len(said) > _ITEMS:
        raise ValueError("it is no list, or one without end")
    return tuple([heard(one) for one in said])


def _row(said: Any, *readers: Callable[[Any], Any]) -> Any:
    if not isinstance(said, list) or len(said) != len(readers):
        raise ValueError(f"it is no row of {len(readers)}")
    return tuple([heard(one) for heard, one in zip(readers, said, strict=True)])


def _octets(said: Any) -> bytes:
    if type(said) is not str or len(said) > _LONGEST:
        raise ValueError("it is no text, or one without end")
    return said.encode("latin-1")  # UnicodeEncodeError is a ValueError


def _count(said: Any) -> int:
    return count_heard(said, _COUNT)


def _reason(said: Any) -> Reason:
    reason = _REASONS.get(said) if type(said) is str else None
    if reason is None:
        raise ValueError("it is no reason")
    return reason


def _sample(said: Any) -> Sample:
    bits, hashes = _row(said, lambda bits: count_heard(bits, _BITS), _hashes)
    return Sample(bits, hashes)


def _hashes(said: Any) -> tuple[int, ...]:
    if not isinstance(said, list) or len(said) > _HASHES or not _are_hashes(said):
        raise ValueError("they are no hashes")
    return tuple(said)


def _are_hashes(said: Sequence[Any] | Iterable[Any]) -> bool:
    return all(type(one) is int and -_HALF <= one < _HALF for one in said)
