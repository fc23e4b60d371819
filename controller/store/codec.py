"""Domain events to JSON text and back.

Owns: the text form of every event in the journal, built from the type hints of the event classes.
Refuses to know: the database, and any type that is not in ``EVENTS`` or reachable from one of its fields.

The form is one JSON object: ``{"event": "SessionEnded", "evse_id": 1, "at_ms": 1700000000000}``. Nested
dataclasses are objects, tuples are arrays, enums their values. A field that has a default and holds it is
left out. From that follow the rules of compatibility:

- A newer program reads older text when every field it added has a default.
- An older program refuses text with a field or an event it does not know. It must not drop what it cannot
  read: the journal is what the customer is billed by.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from controller.domain.events import Event

EVENTS: tuple[type[Event], ...] = get_args(Event)

_TAG = "event"  # no event has a field of this name (checked below); SecurityEvent has one named "type"


class CodecError(ValueError):
    """Text or object is no event this program knows. The message names the field, found and expected."""


class _Bad(Exception):
    """What is wrong with a value. Collects the path on its way up: a good value pays nothing for it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []


_Encode = Callable[[Any], Any]
_Decode = Callable[[Any], Any]

_to_text = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class Codec:
    """Encoders and decoders of the classes in ``events``, each prepared at its first use."""

    def __init__(self, events: tuple[type[Any], ...] = EVENTS) -> None:
        self._by_name = {cls.__name__: cls for cls in events}
        self._events = frozenset(events)
        self._encoders: dict[type[Any], _Encode] = {}
        self._decoders: dict[type[Any], _Decode] = {}
        for cls in events:
            if any(field.name == _TAG for field in fields(cls)):
                raise CodecError(
                    f'{cls.__name__} has a field named "{_TAG}", which tags the type: rename the field'
                )

    def encode(self, event: Event) -> str:
        """Raises ``CodecError`` for an object whose class is not in the table."""
        cls = type(event)
        if cls not in self._events:
            raise CodecError(f"found a {cls.__name__}, expected one of {', '.join(sorted(self._by_name))}")
        encoder = self._encoders.get(cls) or self._encoder_of(cls)
        return _to_text({_TAG: cls.__name__, **encoder(event)})

    def decode(self, text: str) -> Event:
        """Raises ``CodecError``."""
        try:
            body = json.loads(text)
        except ValueError as error:
            raise CodecError(f"found text that is not JSON ({error}), expected an event") from error
        if not isinstance(body, dict):
            raise CodecError(f'found {_shown(body)}, expected an object with the key "{_TAG}"')
        name = body.pop(_TAG, None)
        cls = self._by_name.get(name) if isinstance(name, str) else None
        if cls is None:
            raise CodecError(
                f"found an event of type {_shown(name)}, expected one of {', '.join(sorted(self._by_name))}; "
                "a newer version of the program may have written it"
            )
        try:
            return cast(Event, self._decoder_of(cls)(body))
        except _Bad as bad:
            path = "".join(reversed(bad.path))
            raise CodecError(f"{cls.__name__}{path}: {bad.problem}") from None

    # ------------------------------------------------------------------ encoders

    def _encoder_of(self, cls: type[Any]) -> _Encode:
        """dataclass -> dict. Scalars and string enums go to ``json`` as they are."""
        if cls not in self._encoders:
            hints = get_type_hints(cls)
            plan = []
            for field in fields(cls):
                plan.append(
                    (field.name, self._value_encoder(hints[field.name], cls, field.name), field.default)
                )

            def encode(value: Any) -> dict[str, Any]:
                body = {}
                for name, encoder, default in plan:
                    item = getattr(value, name)
                    if item is not None and encoder is not None:
                        body[name] = encoder(item)
                    elif item != default:
                        body[name] = item
                return body

            self._encoders[cls] = encode
        return self._encoders[cls]

    def _value_encoder(self, hint: Any, cls: type[Any], name: str) -> _Encode | None:
        hint, _ = _without_none(hint, cls, name)
        if hint in (int, str, bool) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
            return None
        if isinstance(hint, type) and is_dataclass(hint):
            return self._encoder_of(hint)
        inner = self._value_encoder(_item_of(hint, cls, name), cls, name)
        if inner is None:
            return list
        return lambda items: [inner(item) for item in items]

    # ------------------------------------------------------------------ decoders

    def _decoder_of(self, cls: type[Any]) -> _Decode:
        if cls not in self._decoders:
            hints = get_type_hints(cls)
            plan = {f.name: self._value_decoder(hints[f.name], cls, f.name) for f in fields(cls)}
            needed = frozenset(f.name for f in fields(cls) if f.default is MISSING)

            def decode(value: Any) -> Any:
                if not isinstance(value, dict):
                    raise _Bad(f"found {_shown(value)}, expected an object")
                if not value.keys() <= plan.keys():
                    unknown = ", ".join(sorted(value.keys() - plan.keys()))
                    raise _Bad(
                        f"found the unknown field {unknown}, expected only {', '.join(plan)}; "
                        "a newer version of the program may have written it"
                    )
                made = {}
                name = ""
                try:
                    for name, item in value.items():
                        made[name] = plan[name](item)
                except _Bad as bad:
                    bad.path.append(f".{name}")
                    raise
                if not needed <= made.keys():
                    missing = ", ".join(sorted(needed - made.keys()))
                    raise _Bad(f"the field {missing} is missing")
                return cls(**made)

            self._decoders[cls] = decode
        return self._decoders[cls]

    def _value_decoder(self, hint: Any, cls: type[Any], name: str) -> _Decode:
        hint, optional = _without_none(hint, cls, name)
        if hint in (int, str, bool):
            inner = _scalar_decoder(hint)
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            inner = _enum_decoder(hint)
        elif isinstance(hint, type) and is_dataclass(hint):
            inner = self._decoder_of(hint)
        else:
            inner = _tuple_decoder(self._value_decoder(_item_of(hint, cls, name), cls, name))
        return (lambda value: None if value is None else inner(value)) if optional else inner


def _without_none(hint: Any, cls: type[Any], name: str) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, UnionType):
        rest = [part for part in get_args(hint) if part is not NoneType]
        if len(rest) != 1:
            raise CodecError(
                f"{cls.__name__}.{name}: the type {hint} cannot be stored, expected X or X | None"
            )
        return rest[0], True
    return hint, False


def _item_of(hint: Any, cls: type[Any], name: str) -> Any:
    arguments = get_args(hint)
    if get_origin(hint) is not tuple or len(arguments) != 2 or arguments[1] is not Ellipsis:
        raise CodecError(
            f"{cls.__name__}.{name}: the type {hint} cannot be stored, expected int, str, bool, a StrEnum, a "
            "dataclass, tuple[X, ...] or one of these | None"
        )
    return arguments[0]


def _scalar_decoder(expected: type[Any]) -> _Decode:
    def decode(value: Any) -> Any:
        if type(value) is not expected:  # not isinstance: True is no number here
            raise _Bad(f"found {_shown(value)}, expected {expected.__name__}")
        return value

    return decode


def _enum_decoder(cls: type[StrEnum]) -> _Decode:
    members = {member.value: member for member in cls}

    def decode(value: Any) -> Any:
        member = members.get(value) if isinstance(value, str) else None
        if member is None:
            raise _Bad(f"found {_shown(value)}, expected one of {', '.join(members)}")
        return member

    return decode


def _tuple_decoder(inner: _Decode) -> _Decode:
    def decode(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Bad(f"found {_shown(value)}, expected an array")
        items = []
        try:
            for item in value:
                items.append(inner(item))
        except _Bad as bad:
            bad.path.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return decode


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else shown[:57] + "..."
