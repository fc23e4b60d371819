"""The settings: current values of the catalogue's rows, and what OCPP may see and change of them.

Owns: the layers a value comes from, the rules of GetVariables, SetVariables and GetBaseReport (2.0.1 B05 to
B07) and of GetConfiguration and ChangeConfiguration (1.6 5.3, 5.8), and telling listeners.
Refuses to know: message formats (``csms`` builds them from the plain items here), how the store works.

A value comes from the first of: a computed provider; this start's command line (``--set``); the store
(changed by a CSMS or a technician); ``station.toml``; the catalogue's default.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar, cast

from controller.settings.catalog import (
    READ_ONLY,
    WRITE_ONLY,
    Catalog,
    ComputedKey16,
    LimitKey16,
    Mutability,
    Scope,
    Variable,
)
from controller.settings.kinds import DataType, Kind, ValueRefused

T = TypeVar("T")


log = logging.getLogger(__name__)


class SettingsError(ValueError):
    """A setting was given wrongly. The message names the setting, what was found and what is expected."""


class SettingValues(Protocol):
    """Where changed values are kept (``controller.store.ports.SettingValues``)."""

    def load(self) -> dict[str, str]: ...
    def save(self, values: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Which EVSE and connector a row of such a scope is about; both None for the station."""

    evse_id: int | None = None
    connector_id: int | None = None


STATION = Place()


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a computed value comes from. ``max_limit`` overrides the kind's for this place."""

    value: Callable[[Place], Any]
    max_limit: Callable[[Place], Decimal] | None = None


class Source(StrEnum):
    """Where a value came from, for people."""

    COMPUTED = "computed"
    COMMAND_LINE = "command line"
    CHANGED = "changed"
    FILE = "station.toml"
    DEFAULT = "default"


class Attribute(StrEnum):
    """2.0.1 AttributeEnumType. All rows have only ``Actual``."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class GetStatus(StrEnum):
    """2.0.1 GetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class SetStatus(StrEnum):
    """2.0.1 SetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class ConfigurationStatus(StrEnum):
    """1.6 ConfigurationStatus."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class ReportBase(StrEnum):
    """2.0.1 ReportBaseEnumType."""

    CONFIGURATION = "ConfigurationInventory"
    FULL = "FullInventory"
    SUMMARY = "SummaryInventory"


@dataclass(frozen=True, slots=True)
class VariableRef:
    """A variable as a message names it (ComponentType and VariableType). An empty instance is no instance."""

    component: str
    name: str
    instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    component_instance: str | None = None


@dataclass(frozen=True, slots=True)
class GetItem:
    ref: VariableRef
    attribute: Attribute | None = None


@dataclass(frozen=True, slots=True)
class GetResult:
    """``value`` only with ``ACCEPTED`` (B06.FR.06 to FR.09)."""

    ref: VariableRef
    attribute: Attribute
    status: GetStatus
    value: str | None = None
    info: str = ""


@dataclass(frozen=True, slots=True)
class SetItem:
    ref: VariableRef
    value: str
    attribute: Attribute | None = None


@dataclass(frozen=True, slots=True)
class SetResult:
    """``reason``: a code of appendix 5 for statusInfo; ``info``: plain text."""

    ref: VariableRef
    attribute: Attribute
    status: SetStatus
    reason: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One variable at one place, with its only attribute (Actual). ``value`` None for write-only rows."""

    ref: VariableRef
    value: str | None
    mutability: Mutability
    data_type: DataType
    unit: str
    min_limit: Decimal | None
    max_limit: Decimal | None
    values: tuple[str, ...]
    persistent: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One setting for people: ``settings list``. Secrets show as "***"."""

    name: str
    value: str
    source: Source
    mutability: Mutability
    key16: str | None
    expected: str
    about: str


Listener = Callable[[tuple[Variable[Any], ...]], None]

Guard = Callable[[Any, bool], Mapping[Variable[Any], Any]]
"""``guard(value, remote)``: what else is to be stored with a new value, in the same commit. ``remote``: it
comes over the network, not from the owner. Raises ``ValueRefused``."""


class Settings:
    """``settings[EV_CONNECTION_TIMEOUT]`` is an int.

    ``values``: the store. ``providers``: for every computed row, and for any other row that the hardware
    fixes (it becomes read-only). ``providers16``: for the 1.6 keys without a row. ``evses``: connectors of
    each EVSE, ``{1: 1, 2: 1}``. ``initial``: ``station.toml``. ``overrides``: the command line, in force
    until changed again, not stored. ``fitted``: narrower kinds of rows that depend on the hardware.
    ``absent``: rows of parts that this station does not have: the network does not see them.

    Raises ``SettingsError`` for a wrong initial or overriding value, or a computed row without a provider;
    ``StorageError`` of the store. A stored value that is no longer accepted (an older program wrote it) is
    not used: ``refused_values`` says which and why.
    """

    def __init__(
        self,
        catalog: Catalog,
        values: SettingValues,
        providers: Mapping[Variable[Any], Provider],
        providers16: Mapping[str, Callable[[], str]],
        evses: Mapping[int, int],
        initial: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        fitted: Mapping[Variable[Any], Kind[Any]] | None = None,
        absent: Collection[Variable[Any]] = (),
    ) -> None:
        self.catalog = catalog
        self._fitted = dict(fitted or {})
        self._absent = frozenset(absent)
        self._variables = tuple(one for one in catalog.variables if one not in self._absent)
        self._values = values
        self._providers = dict(providers)
        self._providers16 = {key.casefold(): provider for key, provider in providers16.items()}
        self._evses = dict(evses)
        self._listeners: list[Listener] = []
        self._guards: dict[Variable[Any], Guard] = {}
        self._current: dict[Variable[Any], Any] = {}
        self._sources: dict[Variable[Any], Source] = {}
        self.refused_values: tuple[str, ...] = ()
        self._places = {variable: self._places_of(variable) for variable in catalog.variables}
        self._component_places: dict[str, set[Place]] = {}
        for variable, places in self._places.items():
            self._component_places.setdefault(variable.component.casefold(), set()).update(places)
        self._check_providers()
        for variable in catalog.variables:
            if variable not in self._providers:
                self._current[variable] = self.kind(variable).fit(variable.default)
                self._sources[variable] = Source.DEFAULT
        self._layer(initial or {}, Source.FILE)
        self._load_stored()
        self._layer(overrides or {}, Source.COMMAND_LINE)
        # What needs a restart keeps the value of this start for the program; others see the new one.
        self._in_force = {one: value for one, value in self._current.items() if one.reboot_required}

    # ------------------------------------------------------------------ for the program

    def __getitem__(self, variable: Variable[T]) -> T:
        """The value of a row of the station that is in force."""
        if variable.reboot_required and variable in self._in_force:
            return cast(T, self._in_force[variable])
        try:
            return cast(T, self._current[variable])
        except KeyError:
            return cast(T, self._providers[variable].value(STATION))

    def at(self, variable: Variable[T], place: Place) -> T:
        """The value of a row at an EVSE or connector, as it was set."""
        provider = self._providers.get(variable)
        return cast(T, self._current[variable] if provider is None else provider.value(place))

    def kind(self, variable: Variable[T]) -> Kind[T]:
        """What is accepted on the hardware of this station."""
        return self._fitted.get(variable, variable.kind)

    def needs_restart(self, variable: Variable[Any]) -> bool:
        """It was set to something that takes effect with the next start."""
        return variable in self._in_force and self._in_force[variable] != self._current[variable]

    def source(self, variable: Variable[Any]) -> Source:
        return self._sources.get(variable, Source.COMPUTED)

    def on_change(self, listener: Listener) -> None:
        """Call with the rows that changed, after the new values are durable."""
        self._listeners.append(listener)

    def guard(self, variable: Variable[Any], guard: Guard) -> None:
        """Ask ``guard`` before the network or the owner changes a row, not before the program does."""
        self._guards[variable] = guard

    def assign_together(self, values: Mapping[Variable[Any], Any]) -> None:
        """As ``assign``, several rows in one commit."""
        self._apply({variable: self._restored(variable, value) for variable, value in values.items()})

    def assign(self, variable: Variable[T], value: T) -> None:
        """Set by the program itself, e.g. the heartbeat interval of BootNotification.

        Raises ``SettingsError`` out of bounds or for a computed row, ``StorageError``; then nothing changed.
        """
        self._apply({variable: self._restored(variable, value)})

    def set(self, variable: Variable[Any], text: str) -> None:
        """Set for the owner of the station: read-only rows too, computed rows not. As ``assign``."""
        self._set_locally(variable, lambda: self.kind(variable).parse(text))

    def set_by_name(self, name: str, text: str) -> Variable[Any]:
        """``set`` by "Component.Variable[instance]" or 1.6 key. Returns the row. Raises ``SettingsError``."""
        variable = self._named(name)
        self._set_locally(
            variable,
            lambda: self._parse_by(variable, name, text),
            lambda value: self._following(variable, name, value),
        )
        return variable

    def _set_locally(
        self,
        variable: Variable[Any],
        read: Callable[[], Any],
        following: Callable[[Any], Mapping[Variable[Any], Any]] = lambda _value: {},
    ) -> None:
        value = self._checked(variable, read)
        others = self._checked(variable, lambda: self._guarded(variable, value, remote=False))
        self._apply({variable: value, **following(value), **others})

    def _guarded(self, variable: Variable[Any], value: Any, *, remote: bool) -> Mapping[Variable[Any], Any]:
        guard = self._guards.get(variable)
        return {} if guard is None else guard(value, remote)

    def rows(self) -> list[Row]:
        """Every row of the station, and every row per EVSE and connector, for people."""
        rows = []
        for variable in self._variables:
            for place in self._places[variable]:
                where = "".join(
                    f"#{part}" for part in (place.evse_id, place.connector_id) if part is not None
                )
                rows.append(
                    Row(
                        variable.component + where + variable.full_name[len(variable.component) :],
                        variable.kind.format(self.at(variable, place)),
                        self.source(variable),
                        self.mutability(variable),
                        variable.key16,
                        self.kind(variable).expected,
                        variable.about,
                    )
                )
        return rows

    def mutability(self, variable: Variable[Any]) -> Mutability:
        return READ_ONLY if variable in self._providers else variable.mutability

    # ------------------------------------------------------------------ 2.0.1 B05, B06, B07

    def get_variables(self, items: Sequence[GetItem]) -> list[GetResult]:
        """One result for each item, in its order (B06.FR.01)."""
        return [self._get(item) for item in items]

    def set_variables(self, items: Sequence[SetItem]) -> list[SetResult]:
        """One result for each item, in its order (B05.FR.01). What is accepted is stored in one commit."""
        results = []
        accepted: dict[Variable[Any], Any] = {}
        for item in items:
            result, values = self._judge(item)
            results.append(result)
            accepted.update(values)
        self._apply(accepted)
        return results

    def base_report(self, base: ReportBase) -> list[ReportRow]:
        """B07.FR.07 to FR.09. Values of write-only rows are left out (errata 2.10)."""
        rows: list[ReportRow] = []
        for variable in self._variables:
            mutability = self.mutability(variable)
            if base is ReportBase.CONFIGURATION and mutability is READ_ONLY:
                continue
            if base is ReportBase.SUMMARY and not variable.critical:
                continue
            rows.extend(self._report_row(variable, place, mutability) for place in self._places[variable])
        return rows

    # ------------------------------------------------------------------ 1.6 5.3, 5.8

    def get_configuration(
        self, keys: Sequence[str] | None = None
    ) -> tuple[list[tuple[str, bool, str | None]], list[str]]:
        """Known keys as (key, readonly, value), and the unknown ones as they were asked for.

        None or no keys = all (5.8). Keys are found without regard to case and answered in the catalogue's
        spelling. The value of a write-only key is None.
        """
        if not keys:
            every = [v.key16 for v in self._variables if v.key16 is not None]
            keys = [*every, *(key.key for key in self.catalog.keys16)]
        known: list[tuple[str, bool, str | None]] = []
        unknown = []
        for key in keys:
            row = self._find16(key)
            if row is None:
                unknown.append(key)
            elif isinstance(row, LimitKey16):
                known.append((row.key, True, row.limit_of(self.kind(row.of))))
            elif isinstance(row, ComputedKey16):
                known.append((row.key, True, self._providers16[row.key.casefold()]()))
            else:
                assert row.key16 is not None
                mutability = self.mutability(row)
                value = None if mutability is WRITE_ONLY else row.kind.format16(self.at(row, STATION))
                known.append((row.key16, self.readonly16(row), value))
        return known, unknown

    def readonly16(self, row: Variable[Any]) -> bool:
        """For a 1.6 CSMS, and for the owner over the local API."""
        return self.mutability(row) is READ_ONLY and not (row.writable16 and row not in self._providers)

    def change_configuration(self, key: str, text: str) -> ConfigurationStatus:
        """5.3. Raises ``StorageError``; then nothing changed."""
        row = self._find16(key)
        if row is None:
            log.warning("ChangeConfiguration %.50s: not supported: there is no such key", key)
            return ConfigurationStatus.NOT_SUPPORTED
        if not isinstance(row, Variable) or self.readonly16(row):
            log.warning("ChangeConfiguration %s: rejected: it is read-only", key)
            return ConfigurationStatus.REJECTED
        try:
            row.kind.check_remote16(text)
            value = self.kind(row).parse16(text)
            row.kind.check_remote(value)
            others = self._guarded(row, value, remote=True)
        except ValueRefused as refused:
            log.warning("ChangeConfiguration %s: rejected: %.200s", key, refused)
            return ConfigurationStatus.REJECTED
        self._apply({row: value, **self._following(row, key, value), **others})
        pending = self.needs_restart(row)
        return ConfigurationStatus.REBOOT_REQUIRED if pending else ConfigurationStatus.ACCEPTED

    def _find16(self, key: str) -> Variable[Any] | LimitKey16 | ComputedKey16 | None:
        row = self.catalog.find16(key)
        return None if row in self._absent else row

    # ------------------------------------------------------------------ inside

    def _check_providers(self) -> None:
        missing = [v.full_name for v in self.catalog.variables if v.computed and v not in self._providers]
        missing += [
            key.key
            for key in self.catalog.keys16
            if isinstance(key, ComputedKey16) and key.key.casefold() not in self._providers16
        ]
        if missing:
            raise SettingsError(f"no provider for the computed rows {', '.join(missing)}")

    def _layer(self, texts: Mapping[str, str], source: Source) -> None:
        explicit: dict[Variable[Any], Any] = {}
        following: dict[Variable[Any], Any] = {}
        for name, text in texts.items():
            variable, value = self._start_value(name, text)
            explicit[variable] = value
            following |= self._following(variable, name, value)
        for variable, value in (following | explicit).items():
            self._current[variable] = value
            self._sources[variable] = source

    def _start_value(self, name: str, text: str) -> tuple[Variable[Any], Any]:
        variable = self._named(name)
        value = self._checked(variable, lambda: self.catalog.parse(variable, name, text))
        return variable, self.kind(variable).fit(value)

    def _parse_by(self, variable: Variable[Any], name: str, text: str) -> Any:
        """In the spelling of the protocol that ``name`` belongs to."""
        kind = self.kind(variable)
        own = name.casefold() == variable.full_name.casefold()
        return kind.parse(text) if own else kind.parse16(text)

    def _following(self, variable: Variable[Any], name: str, value: Any) -> dict[Variable[Any], Any]:
        """What a row's 1.6 key sets beside it: 1.6 has one interval for MeterValues and StopTransaction."""
        if name.casefold() != (variable.key16 or "").casefold():
            return {}
        return dict.fromkeys(self.catalog.followers16(variable), value)

    def _load_stored(self) -> None:
        refused = []
        for name, text in self._values.load().items():
            variable = self.catalog.by_any_name(name)
            if variable is None or variable in self._providers:
                refused.append(
                    f"{name}: a stored value is not used: this station has no such setting to change"
                )
                continue
            try:
                self._current[variable] = self.kind(variable).fit(variable.kind.restore(text))
            except ValueRefused as error:
                refused.append(f"{name}: the stored value is not used: {error}")
                continue
            self._sources[variable] = Source.CHANGED
        self.refused_values = tuple(refused)

    def _named(self, name: str) -> Variable[Any]:
        variable = self.catalog.by_any_name(name)
        if variable is None:
            near = self.catalog.near(name)
            hint = f"did you mean {near}?" if near else "docs/settings.md lists all settings"
            raise SettingsError(f"{name}: unknown setting; {hint}")
        return variable

    def _restored(self, variable: Variable[T], value: T) -> T:
        kind = variable.kind
        return self._checked(variable, lambda: kind.restore(kind.store(value)))

    def _checked(self, variable: Variable[T], value: Callable[[], T]) -> T:
        if variable in self._providers:
            raise SettingsError(f"{variable.full_name}: cannot be set: {variable.about} It is computed.")
        try:
            return value()
        except ValueRefused as error:
            raise SettingsError(f"{variable.full_name}: {error}") from error

    def _apply(self, accepted: Mapping[Variable[Any], Any]) -> None:
        """Store, then use, then tell. Values that stay the same cost no write and no call."""
        changed = {v: value for v, value in accepted.items() if value != self._current[v]}
        stored = {
            v: value
            for v, value in accepted.items()
            if v in changed or self._sources[v] is not Source.CHANGED
        }
        if not stored:
            return
        self._values.save({v.full_name: v.kind.store(value) for v, value in stored.items()})
        for variable, value in stored.items():
            self._current[variable] = value
            self._sources[variable] = Source.CHANGED
        if changed:
            for listener in tuple(self._listeners):
                listener(tuple(changed))

    def _places_of(self, variable: Variable[Any]) -> list[Place]:
        if variable.scope is Scope.STATION:
            return [STATION]
        if variable.scope is Scope.EVSE:
            return [Place(evse_id) for evse_id in self._evses]
        return [
            Place(evse_id, connector_id)
            for evse_id, connectors in self._evses.items()
            for connector_id in range(1, connectors + 1)
        ]

    def _find(self, ref: VariableRef) -> tuple[Variable[Any] | None, GetStatus]:
        """The row of a reference, or why there is none (B05.FR.04, FR.05; B06.FR.06, FR.07, FR.15)."""
        place = Place(ref.evse_id, ref.connector_id)
        known = self._component_places.get(ref.component.casefold(), ())
        if ref.component_instance or place not in known:
            return None, GetStatus.UNKNOWN_COMPONENT
        variable = self.catalog.find(ref.component, ref.name, ref.instance)
        if variable is None or variable in self._absent or place not in self._places[variable]:
            return None, GetStatus.UNKNOWN_VARIABLE
        return variable, GetStatus.ACCEPTED

    def _get(self, item: GetItem) -> GetResult:
        attribute = item.attribute or Attribute.ACTUAL  # B06.FR.11
        variable, status = self._find(item.ref)
        if variable is None:
            return GetResult(item.ref, attribute, status)
        if attribute is not Attribute.ACTUAL:  # B06.FR.08
            return GetResult(item.ref, attribute, GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE)
        if self.mutability(variable) is WRITE_ONLY:  # B06.FR.09
            return GetResult(item.ref, attribute, GetStatus.REJECTED, info="the variable is write-only")
        value = self.at(variable, Place(item.ref.evse_id, item.ref.connector_id))
        return GetResult(item.ref, attribute, GetStatus.ACCEPTED, variable.kind.format(value))

    def _judge(self, item: SetItem) -> tuple[SetResult, Mapping[Variable[Any], Any]]:
        """The result, and what is to be stored."""
        attribute = item.attribute or Attribute.ACTUAL  # B05.FR.12

        def refused(
            status: SetStatus, reason: str = "", info: str = ""
        ) -> tuple[SetResult, Mapping[Variable[Any], Any]]:
            return SetResult(item.ref, attribute, status, reason, info), {}

        variable, status = self._find(item.ref)
        if variable is None:
            return refused(SetStatus(status.value))
        if attribute is not Attribute.ACTUAL:  # B05.FR.06
            return refused(SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE)
        if self.mutability(variable) is READ_ONLY:  # B05.FR.09
            return refused(SetStatus.REJECTED, "ReadOnly", "the variable is read-only")
        try:
            value = self.kind(variable).parse(item.value)
            variable.kind.check_remote(value)
            others = self._guarded(variable, value, remote=True)
        except ValueRefused as error:  # B05.FR.07, FR.08
            return refused(SetStatus.REJECTED, "InvalidValue", str(error))
        reboot = variable in self._in_force and value != self._in_force[variable]
        accepted = SetStatus.REBOOT_REQUIRED if reboot else SetStatus.ACCEPTED
        return SetResult(item.ref, attribute, accepted), {variable: value, **others}

    def _report_row(self, variable: Variable[Any], place: Place, mutability: Mutability) -> ReportRow:
        traits = self.kind(variable).traits
        provider = self._providers.get(variable)
        max_limit = traits.max_limit
        if provider is not None and provider.max_limit is not None:
            max_limit = provider.max_limit(place)
        return ReportRow(
            VariableRef(
                variable.component, variable.name, variable.instance, place.evse_id, place.connector_id
            ),
            None if mutability is WRITE_ONLY else variable.kind.format(self.at(variable, place)),
            mutability,
            traits.data_type,
            traits.unit,
            traits.min_limit,
            max_limit,
            traits.values,
            persistent=provider is None,
        )
