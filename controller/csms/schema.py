"""Checks payloads against the OCA's JSON schemas, which the installed ``ocpp`` package carries as data files.

Owns: finding the files, turning one into a check on first use, and saying what a payload does wrong.
Refuses to know: frames, error codes on the wire, what a message means. It never imports ``ocpp`` (14 to 20
MB, 0.1 s on a desktop).

The 387 files use a small part of JSON Schema: type, properties, required, additionalProperties: false, items,
enum, lengths, ranges, multipleOf, format, local $ref. Each node becomes one closure. Measured against
fastjsonschema on the same machine: a file is ready in 0.1 ms instead of 3 to 60 ms (a station boots through a
dozen of them, on a Pi Zero 2 W ten times slower, so no cache of compiled code is needed), and ten meter
samples are checked in 8 us instead of 18. A keyword unknown here is an error when the file is read, not a
rule left out.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from controller.csms.errors import Kind, SchemaViolation

Check = Callable[[Any], None]

VERSION_DIRS: Final = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
"""Websocket subprotocol -> folder of the ``ocpp`` package."""


class SchemaFileError(Exception):
    """A schema file is missing, unreadable, or uses a keyword this module does not implement."""


def schema_dir(subprotocol: str) -> Path:
    """Where the schemas of ``ocpp1.6``, ``ocpp2.0.1`` or ``ocpp2.1`` are installed; imports nothing.

    Raises ``SchemaFileError`` when they are not.
    """
    spec = importlib.util.find_spec("ocpp")
    for place in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(place) / VERSION_DIRS[subprotocol] / "schemas"
        if folder.is_dir():
            return folder
    raise SchemaFileError(
        f"schemas of {subprotocol}: found no folder ocpp/{VERSION_DIRS[subprotocol]}/schemas in the Python "
        "path, expected the package 'ocpp' 2.0 or later; install it with: pip install ocpp"
    )


class Schemas:
    """The messages of one OCPP version. Files are read and compiled when first needed, then kept."""

    def __init__(self, version_dir: Path) -> None:
        """``version_dir``: folder with the schema files (``schema_dir``). Raises ``SchemaFileError``."""
        self._dir = version_dir
        try:
            stems = {entry.name[:-5] for entry in version_dir.iterdir() if entry.name.endswith(".json")}
        except OSError as error:
            raise SchemaFileError(
                f"{version_dir}: {error.strerror}, expected a folder of JSON schemas; reinstall 'ocpp'"
            ) from error
        answered = {stem.removesuffix("Response") for stem in stems if stem.endswith("Response")}
        # 1.6 names the request file after the action, 2.x appends "Request". Messages of 2.1 that are sent
        # without being answered (SEND, part 4 4.2.4) carry neither suffix.
        self._request_files = {action: action for action in answered & stems}
        self._request_files |= {
            action: action + "Request" for action in answered if action + "Request" in stems
        }
        self.actions: frozenset[str] = frozenset(self._request_files)
        """Actions that are called and answered."""
        requests = set(self._request_files.values())
        self.sends: frozenset[str] = frozenset(
            stem for stem in stems - requests if stem.removesuffix("Response") not in answered
        )
        """Actions of unconfirmed messages (2.1 SEND)."""
        self._zone_needed = "Heartbeat" not in stems  # 2.x: RFC 3339 (part 2 3.1); 1.6: ISO 8601 (3.15)
        self._checks: dict[str, Check] = {}
        self._tolerant: dict[str, Check] = {}

    @classmethod
    def installed(cls, subprotocol: str) -> Schemas:
        """The schemas for a websocket subprotocol. Raises ``SchemaFileError``."""
        return cls(schema_dir(subprotocol))

    def check_request(self, action: str, payload: Any) -> None:
        """Raises ``SchemaViolation``; ``KeyError`` for an action not in ``actions``."""
        stem = self._request_files[action]
        (self._checks.get(stem) or self._strict(stem))(payload)

    def check_response(self, action: str, payload: Any) -> None:
        """Raises ``SchemaViolation``; ``KeyError`` for an action not in ``actions``."""
        self._request_files[action]
        stem = action + "Response"
        (self._checks.get(stem) or self._strict(stem))(payload)

    def check_send(self, action: str, payload: Any) -> None:
        """The payload of a SEND. Raises ``SchemaViolation``; ``KeyError`` for an action not in ``sends``."""
        if action not in self.sends:
            raise KeyError(action)
        (self._checks.get(action) or self._strict(action))(payload)

    def accept_response(self, action: str, payload: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """A payload to work with and "" or what was overlooked in it. Raises ``SchemaViolation``.

        For answers of a CSMS. "When a message [...] is not conform the JSON schema, the system is allowed to
        drop the message" (2.x part 4 4.2.3), but a dropped answer to a transaction message would block every
        one behind it for ever. So three deviations seen in the field, which leave no doubt about the meaning,
        are overlooked: ``null`` for an absent member, members nobody knows, instants without a zone (then
        UTC).
        """
        try:
            self.check_response(action, payload)
        except SchemaViolation as violation:
            stem = action + "Response"
            tolerant = self._tolerant.get(stem)
            if tolerant is None:
                tolerant = self._tolerant[stem] = _Compiler(self._read(stem), tolerant=True).check
            payload = _without_nulls(payload)
            tolerant(payload)
            return payload, str(violation)
        return payload, ""

    def _strict(self, stem: str) -> Check:
        schema = self._read(stem)
        if stem in _UNKNOWN_IS_ANSWERED:
            schema["properties"][_UNKNOWN_IS_ANSWERED[stem]] = {"type": "string"}
        check = self._checks[stem] = _Compiler(schema, zone_needed=self._zone_needed).check
        return check

    def _read(self, stem: str) -> dict[str, Any]:
        path = self._dir / f"{stem}.json"
        try:
            schema = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise SchemaFileError(f"{path}: {error}, expected a JSON schema; reinstall 'ocpp'") from error
        if not isinstance(schema, dict):
            raise SchemaFileError(f"{path}: found {type(schema).__name__}, expected a JSON object")
        schema["$file"] = str(path)
        return schema


_UNKNOWN_IS_ANSWERED: Final = {
    "ExtendedTriggerMessage": "requestedMessage",
    "TriggerMessage": "requestedMessage",
}
"""Request -> its field whose unknown values have an answer of their own (1.6 5.17, white paper 6.17:
NotImplemented, "either not implemented or unknown"), which a CALLERROR would take from them."""


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


class _Bad(Exception):
    """Collects the path on its way up, so that a good payload pays nothing for it."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.path: list[str | int] = []


_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_NO_LIMIT: Final = sys.maxsize
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_NOTES: Final = frozenset(
    ("$schema", "$id", "id", "$file", "title", "description", "comment", "javaType", "default", "definitions")
)
_KEYWORDS: Final = {
    "string": frozenset(("type", "maxLength", "minLength", "enum", "format", "additionalProperties")),
    "integer": frozenset(("type", "minimum", "maximum")),
    "number": frozenset(("type", "minimum", "maximum", "multipleOf")),
    "boolean": frozenset(("type",)),
    "anything": frozenset(),
    "array": frozenset(("type", "items", "minItems", "maxItems", "additionalItems")),
    "object": frozenset(("type", "properties", "required", "additionalProperties")),
}


class _Compiler:
    """Turns one schema into ``check``. Keywords: JSON Schema draft-04 and draft-06 validation."""

    def __init__(self, schema: dict[str, Any], *, zone_needed: bool = False, tolerant: bool = False) -> None:
        self._file = schema["$file"]
        self._definitions = schema.get("definitions", {})
        self._refs: dict[str, Check] = {}
        self._zone_needed = zone_needed
        self._tolerant = tolerant
        root = self._node(schema, "")

        def check(payload: Any) -> None:
            try:
                root(payload)
            except _Bad as bad:
                path = ".".join(str(step) for step in reversed(bad.path))
                raise SchemaViolation(bad.kind, path, bad.message) from None

        self.check: Check = check

    def _node(self, node: dict[str, Any], where: str) -> Check:
        if "$ref" in node:
            return self._ref(node["$ref"], where)
        kind = node.get("type", "anything")  # DataTransfer's data may be anything
        allowed = _KEYWORDS.get(kind) if isinstance(kind, str) else None
        if allowed is None:
            raise self._wrong(where, f"type {kind!r}", "one of " + ", ".join(_KEYWORDS))
        unknown = node.keys() - allowed - _NOTES
        if unknown:
            raise self._wrong(where, f"keyword {', '.join(sorted(unknown))}", "one this program implements")
        if kind == "object":
            return self._object(node, where)
        if kind == "array":
            return self._array(node, where)
        if kind == "string":
            return self._string(node, where)
        if kind == "boolean":
            return _boolean
        if kind == "anything":
            return _anything
        return _number(node, whole=kind == "integer")

    def _ref(self, ref: str, where: str) -> Check:
        known = self._refs.get(ref)
        if known is not None:
            return known
        name = ref.removeprefix("#/definitions/")
        if name not in self._definitions:
            raise self._wrong(where, f"$ref {ref}", "a definition of the same file")
        # A definition that contains itself would come back here before it is finished: go through the table
        # then.
        self._refs[ref] = lambda value: self._refs[ref](value)
        check = self._refs[ref] = self._node(self._definitions[name], f"{where}#{name}")
        return check

    def _wrong(self, where: str, found: str, expected: str) -> SchemaFileError:
        return SchemaFileError(f"{self._file}: at {where or 'the top'}: found {found}, expected {expected}")

    def _object(self, node: dict[str, Any], where: str) -> Check:
        members = {
            name: self._node(child, f"{where}.{name}") for name, child in node.get("properties", {}).items()
        }
        required = tuple(node.get("required", ()))
        if node.get("additionalProperties", True) not in (True, False):
            raise self._wrong(where, "a schema in additionalProperties", "true or false")
        closed = node.get("additionalProperties") is False and not self._tolerant
        find = members.get

        def check(value: Any) -> None:
            if not isinstance(value, dict):
                raise _Bad(Kind.TYPE, f"found {_name(value)}, expected an object")
            for name in required:
                if name not in value:
                    raise _Bad(Kind.OCCURRENCE, f"{name} is missing")
            name = ""
            try:
                for name, item in value.items():
                    member = find(name)
                    if member is not None:
                        member(item)
                    elif closed:
                        raise _Bad(Kind.FORMATION, "this member is not known here")
            except _Bad as bad:
                bad.path.append(name[:60])
                raise

        return check

    def _array(self, node: dict[str, Any], where: str) -> Check:
        if not isinstance(node.get("items"), dict):
            raise self._wrong(where, "items that are not one schema", "one schema for all items")
        item_check = self._node(node["items"], f"{where}[]")
        least, most = node.get("minItems", 0), node.get("maxItems", _NO_LIMIT)

        def check(value: Any) -> None:
            if not isinstance(value, list):
                raise _Bad(Kind.TYPE, f"found {_name(value)}, expected an array")
            if not least <= len(value) <= most:
                raise _Bad(Kind.OCCURRENCE, f"found {len(value)} items, expected {_between(least, most)}")
            index = -1
            try:
                for item in value:
                    index += 1
                    item_check(item)
            except _Bad as bad:
                bad.path.append(index)
                raise

        return check

    def _string(self, node: dict[str, Any], where: str) -> Check:
        if "enum" in node:
            return _enum(frozenset(node["enum"]))
        least, most = node.get("minLength", 0), node.get("maxLength", _NO_LIMIT)
        if "format" not in node:
            return _text(least, most)
        if node["format"] == "date-time":
            return _date_time(zone_needed=self._zone_needed)
        if node["format"] == "uri":
            return _uri(most)
        raise self._wrong(where, f"format {node['format']!r}", "date-time or uri")


def _name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else f"a {type(value).__name__}"


def _between(least: float, most: float) -> str:
    if most >= _NO_LIMIT:
        return f"at least {least}"
    return f"{least} to {most}" if least > 0 else f"at most {most}"


def _anything(value: Any) -> None:
    pass


def _boolean(value: Any) -> None:
    if value is not True and value is not False:
        raise _Bad(Kind.TYPE, f"found {_name(value)}, expected true or false")


def _enum(values: frozenset[str]) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise _Bad(Kind.TYPE, f"found {_name(value)}, expected a string")
        if value not in values:
            expected = ", ".join(sorted(values)[:12]) + (", ..." if len(values) > 12 else "")
            raise _Bad(Kind.PROPERTY, f"found {value[:40]!r}, expected one of {expected}")

    return check


def _text(least: int, most: int) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise _Bad(Kind.TYPE, f"found {_name(value)}, expected a string")
        if len(value) > most or len(value) < least:  # the value may be a password: say only how long it is
            raise _Bad(Kind.PROPERTY, f"found {len(value)} characters, expected {_between(least, most)}")

    return check


def _uri(most: int) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise _Bad(Kind.TYPE, f"found {_name(value)}, expected a string")
        if len(value) > most or not _URI.fullmatch(value):
            raise _Bad(Kind.PROPERTY, "found no URI, expected scheme:rest")

    return check


def _date_time(*, zone_needed: bool) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, str):
            raise _Bad(Kind.TYPE, f"found {_name(value)}, expected a string")
        match = _DATE_TIME.fullmatch(value)
        try:
            if match is None or (zone_needed and match["zone"] is None):
                raise ValueError
            datetime.fromisoformat(value)  # 30 February, 25 o'clock
        except ValueError:
            expected = "a date-time like 2026-01-31T12:00:00Z"
            raise _Bad(Kind.PROPERTY, f"found {value[:40]!r}, expected {expected}") from None

    return check


_LARGEST = 2**63 - 1
"""The standards' integers have 32 bits (1.6 chapter 7, 2.0.1 part 2 2.1). Central systems with transaction
ids of 64 bits exist and are understood; what is larger, no database holds."""


def _number(node: dict[str, Any], *, whole: bool) -> Check:
    least, most = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    step = node.get("multipleOf")
    word = "a whole number" if whole else "a number"

    def check(value: Any) -> None:
        if isinstance(value, float):
            if whole or not math.isfinite(value):
                raise _Bad(Kind.TYPE, f"found {value}, expected {word}")
        elif not isinstance(value, int) or isinstance(value, bool):
            raise _Bad(Kind.TYPE, f"found {_name(value)}, expected {word}")
        if not least <= value <= most:
            raise _Bad(Kind.PROPERTY, f"found {value}, expected {_between(least, most)}")
        if whole and not -_LARGEST <= value <= _LARGEST:
            raise _Bad(Kind.PROPERTY, f"found {value}, expected a whole number of 64 bits at most")
        # 1.6 limits are multiples of 0.1, which no binary fraction is: 10.1 / 0.1 gives 100.99999999999999.
        if step is not None:
            steps = value / step
            if not math.isfinite(steps) or abs(steps - round(steps)) > 1e-6:
                raise _Bad(Kind.PROPERTY, f"found {value}, expected a multiple of {step}")

    return check
