"""Settings `[[policies]]`: each table has what all policies have, and the settings of the one that it names."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import attrs

from twistedmx.model.stage import Stage
from twistedmx.policy.chain import Entry, OnFailure
from twistedmx.policy.plugin import NoSuchPolicy, maker_of, ours
from twistedmx.ports import Policy
from twistedmx.setting import at_least, setting

_STAGES: Final = tuple(stage.value for stage in Stage)
_WAYS: Final = tuple(way.value for way in OnFailure)


def _are_stages(instance: Any, attribute: Any, value: tuple[str, ...]) -> None:
    for word in value:
        if word not in _STAGES:
            raise ValueError(f"must be of {', '.join(_STAGES)}, is {word!r}")


def _is_way(instance: Any, attribute: Any, value: str) -> None:
    if value not in _WAYS:
        raise ValueError(f"must be one of {', '.join(_WAYS)}, is {value!r}")


@attrs.frozen(kw_only=True)
class PolicySettings:
    """What all of them have. The class of a table is `kind_of` it, a subclass with the settings of its policy; `maker` is that
    policy's, an IPolicyMaker."""

    maker: ClassVar[Any] = None

    name: str = setting(
        attrs.NOTHING,
        unit="",
        why="Which policy. Those that come with the server follow below; others are installed beside it (docs/policies.md).",
        precedent="Haraka config/plugins",
    )
    stages: tuple[str, ...] = setting(
        (),
        unit="stages",
        why=f"Where it is asked, of those that it is made for: {', '.join(_STAGES)}. Empty: at all of these.",
        precedent="Exim ACLs, Postfix smtpd_*_restrictions",
        validator=_are_stages,
    )
    time_limit: float = setting(
        5.0,
        unit="seconds",
        why="A policy that takes longer could not decide. The client waits at least 5 minutes (RFC 5321 4.5.3.2).",
        precedent="Haraka plugin_timeout 30 s, Postfix smtpd_policy_service_timeout 100 s",
        validator=at_least(0.01),
    )
    on_failure: str = setting(
        OnFailure.CONTINUE.value,
        unit="",
        why='When it could not decide: "continue", as if it were not there; "defer": 451, unless another rejects for good.',
        precedent="Postfix goes on without a DNS list; smtpd_policy_service_default_action 451",
        validator=_is_way,
    )
    shadow: bool = setting(
        False,
        unit="",
        why="What it would refuse is told in the log and counted, and nobody is refused: try each policy so first.",
        precedent="Postfix warn_if_reject",
    )

    @staticmethod
    def kind_of(table: Mapping[str, Any]) -> "type[PolicySettings]":
        """The class of a table: by its `name`, of which the ValueError that is raised tells."""
        name = table.get("name")
        return kind_for(maker_of(name)) if isinstance(name, str) else PolicySettings

    @staticmethod
    def kinds() -> "Iterable[tuple[str, str, type]]":
        """Of the policies that come with the server: what tells a table of it, what it is for, the settings it adds."""
        return [(f'name = "{maker.name}"', maker.what, maker.settings or _Nothing) for maker in ours()]


@attrs.frozen(kw_only=True)
class _Nothing:
    """The settings of a policy that has none."""


_KINDS: Final[dict[tuple[str, type | None], type[PolicySettings]]] = {}


def kind_for(maker: Any) -> type[PolicySettings]:
    """The class of its tables: one and the same each time, so that two versions of the settings can be compared.

    Raises NoSuchPolicy if its settings cannot be written there.
    """
    key = maker.name, maker.settings
    if key not in _KINDS:
        _KINDS[key] = _made(maker)
    return _KINDS[key]


def own_settings(entry: PolicySettings) -> Any:
    """Of a table, what its policy is made from: an instance of `maker.settings`, or None. Raises as that class does."""
    kind = entry.maker.settings
    if kind is None:
        return None
    return kind(**{field.name: getattr(entry, field.name) for field in attrs.fields(kind)})


def entry_of(settings: PolicySettings, policy: Policy) -> Entry:
    """How `policy` is asked."""
    words = settings.stages
    return Entry(
        name=settings.name,
        policy=policy,
        stages=frozenset(map(Stage, words)) if words else frozenset(settings.maker.stages),
        time_limit=settings.time_limit,
        on_failure=OnFailure(settings.on_failure),
        shadow=settings.shadow,
    )


def _made(maker: Any) -> type[PolicySettings]:
    kind = maker.settings
    taken = {field.name for field in attrs.fields(PolicySettings)}
    fields: dict[str, Any] = {"stages": _stages_of(maker)}
    for field in attrs.fields(kind) if kind is not None else ():
        if field.name in taken or "why" not in field.metadata:
            fault = "all policies have one of this name" if field.name in taken else "it is not made with `setting`"
            raise NoSuchPolicy(f"the policy {maker.name!r} has a setting {field.name} that cannot be used: {fault}")
        fields[field.name] = _again(field, field.validator)
    made: type[PolicySettings] = attrs.make_class(
        f"PolicySettings_{maker.name}",
        fields,
        bases=(PolicySettings,),
        class_body={"__attrs_post_init__": own_settings, "maker": maker},  # which checks what several together must be
        frozen=True,
        kw_only=True,
        slots=True,
    )
    return made


def _again(field: "attrs.Attribute[Any]", validator: Any) -> Any:
    return attrs.field(default=field.default, validator=validator, metadata=field.metadata, type=field.type)


def _stages_of(maker: Any) -> Any:
    """The setting `stages`, with those of this policy alone."""
    able = [stage.value for stage in Stage if stage in maker.stages]

    def check(instance: Any, attribute: Any, value: tuple[str, ...]) -> None:
        _are_stages(instance, attribute, value)
        for word in value:
            if word not in able:
                raise ValueError(f"{maker.name} can be asked at {', '.join(able)}, and not at {word}")

    return _again(attrs.fields_dict(PolicySettings)["stages"], check)
