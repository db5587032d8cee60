"""What is left to the process that follows, as it is written into its environment."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
from attrs.validators import deep_iterable, ge, instance_of, min_len, optional

from twistedmx.net.port_group import Division
from twistedmx.service.places import Place

VARIABLE: Final = "TWISTEDMX_SUCCEEDS"

_number: Any = instance_of(int)
_text: Any = instance_of(str)
_descriptors: Any = deep_iterable(
    attrs.validators.and_(_number, ge(0)), attrs.validators.and_(instance_of(tuple), min_len(1))
)


@attrs.frozen(kw_only=True)
class Left:
    """A place and its sockets: `descriptors`, by the worker's number; one where shared. `division`, `why`: of a `PortGroup`."""

    place: Place
    descriptors: tuple[int, ...] = attrs.field(validator=_descriptors)
    division: Division = Division.SHARED
    why: str = attrs.field(default="", validator=_text)


@attrs.frozen(kw_only=True)
class Estate:
    """`channel`: a descriptor, to the old process. `metrics`: where they are scraped, if anywhere. `workers`: 1 for a single
    process. `user`: `user` of the settings. `limit`: the governor's. `pidfile`: twistd's, "" for none."""

    channel: int = attrs.field(validator=[_number, ge(0)])
    places: tuple[Left, ...] = ()
    metrics: Left | None = attrs.field(default=None, validator=optional(instance_of(Left)))
    workers: int = attrs.field(default=1, validator=[_number, ge(1)])
    user: str = attrs.field(default="", validator=_text)
    limit: int = attrs.field(default=1, validator=[_number, ge(1)])
    pidfile: str = attrs.field(default="", validator=_text)

    @property
    def left(self) -> tuple[Left, ...]:
        """All places."""
        return self.places if self.metrics is None else (*self.places, self.metrics)

    def written(self) -> str:
        """For the environment."""
        return json.dumps(
            {
                **attrs.asdict(self, recurse=False),
                "places": [_left_written(left) for left in self.places],
                "metrics": None if self.metrics is None else _left_written(self.metrics),
            }
        )


def read_estate(text: str) -> Estate:
    """Raises ValueError for what no server has written. What another version may say beside it is passed over."""
    try:
        told = json.loads(text)
        metrics = told["metrics"]
        known = {field.name for field in attrs.fields(Estate)}
        plain = {key: value for key, value in told.items() if key in known}
        return Estate(
            **{
                **plain,
                "places": tuple(_left_read(left) for left in told["places"]),
                "metrics": None if metrics is None else _left_read(metrics),
            }
        )
    except json.JSONDecodeError as error:  # PyPy's words for it may be no text
        raise ValueError(f"{VARIABLE} is not what a server has written: no JSON at {error.pos}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{VARIABLE} is not what a server has written: {error}") from None


def _left_written(left: Left) -> dict[str, Any]:
    return {
        "text": left.place.text,
        "secure": left.place.secure,
        "descriptors": left.descriptors,
        "division": left.division.value,
        "why": left.why,
    }


def _left_read(told: Mapping[str, Any]) -> Left:
    """Raises ValueError, TypeError, KeyError."""
    text, secure = told["text"], told["secure"]
    if not isinstance(text, str) or not isinstance(secure, bool):
        raise TypeError("a place is a text, and whether TLS comes first")
    return Left(
        place=Place(text=text, secure=secure),
        descriptors=tuple(told["descriptors"]),
        division=Division(told["division"]),
        why=told["why"],
    )
