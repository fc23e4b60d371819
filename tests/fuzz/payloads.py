"""Valid payloads from a JSON schema, and everything that can be wrong with one of their fields.

Owns: examples, mutations, and the CALLERROR code that a violation deserves (OCPP-J 1.6 4.2.3).
Refuses to know: the code under test. The second opinion is ``jsonschema`` on the package's schemas.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ocpp

SCHEMAS = Path(ocpp.__file__).parent / "v16" / "schemas"

TO_STATION = (
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
)
"""Requests a CSMS may send (1.6 chapter 5, white paper chapter 6)."""

CODES = {
    "additionalProperties": "FormationViolation",
    "required": "OccurenceConstraintViolation",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "enum": "PropertyConstraintViolation",
    "maxLength": "PropertyConstraintViolation",
    "minLength": "PropertyConstraintViolation",
    "minimum": "PropertyConstraintViolation",
    "maximum": "PropertyConstraintViolation",
    "multipleOf": "PropertyConstraintViolation",
    "format": "PropertyConstraintViolation",
}
"""Schema keyword -> code. The misspelt codes are the standard's (errata J 5.1, 5.2)."""


@cache
def schema(name: str) -> dict[str, Any]:
    return dict(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8-sig")))


@cache
def _validator(name: str) -> jsonschema.protocols.Validator:
    cls = jsonschema.validators.validator_for(schema(name))
    return cls(schema(name))


def violations(name: str, payload: Any) -> set[str]:
    """The codes that ``payload`` deserves as a ``name`` request or response; empty = it is valid."""
    if payload is None:
        payload = {}  # OCPP-J 1.6 4.2.1: null may stand for an empty payload
    if not isinstance(payload, dict):
        return {"FormationViolation", "TypeConstraintViolation"}
    text = json.dumps(payload)
    if "\\ud800" in text or str(HUGE) in text:
        return {"FormationViolation"}  # half of a surrogate pair is no text, and no float holds that number
    # JSON has one kind of number: 1.0 is an integer (RFC 8259), as jsonschema has it.
    return {
        CODES.get(str(error.validator), "?")
        for error in _validator(name).iter_errors(payload)
        # White paper 6.17: an unknown message has an answer of its own, NotImplemented.
        if not (
            name in ("TriggerMessage", "ExtendedTriggerMessage")
            and error.validator == "enum"
            and isinstance(error.instance, str)
        )
    }


def example(name: str, full: bool) -> dict[str, Any]:
    """A valid payload, with every optional member (``full``) or none."""
    found = _example(schema(name), schema(name), full)
    assert violations(name, found) == set(), (name, found)
    return dict(found)


def _resolve(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: Any = root
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)


def _example(node: dict[str, Any], root: dict[str, Any], full: bool) -> Any:
    node = _resolve(node, root)
    if "enum" in node:
        return node["enum"][0]
    match node.get("type"):
        case "object":
            wanted = node.get("properties", {}) if full else node.get("required", ())
            return {key: _example(node["properties"][key], root, full) for key in wanted}
        case "array":
            return [_example(node["items"], root, full) for _ in range(max(1, node.get("minItems", 0)))]
        case "integer":
            return max(1, int(node.get("minimum", 1)))
        case "number":
            return 1.5
        case "boolean":
            return True
    if node.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    if node.get("format") == "uri":
        return "ftp://127.0.0.1:1/x"
    return "a" * min(6, int(node.get("maxLength", 6)))


HUGE = 10**300

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    HUGE,
    0.1,
    1e308,
    "",
    "x",
    "x" * 10_001,
    "\x00\x1f\x7f",
    "\ud800",
    "\U0001f600" * 600,
    "2026-13-45T99:99:99Z",
    "Accepted ",
    [],
    [[]],
    {},
    {"a": {"b": [None]}},
)


def mutations(name: str, full: bool) -> Iterator[tuple[str, Any]]:
    """Every field of the example with every wrong value, removed, doubled, with a stranger beside it."""
    good = example(name, full)
    for path in [(), *_paths(good)]:
        for wrong in WRONG:
            if path:
                yield f"{path}={str(wrong)[:20]!r}", _with(good, path, wrong)
        if path:
            yield f"{path} removed", _without(good, path)
        value = _at(good, path)
        if isinstance(value, dict):
            yield f"{path} with a stranger", _with(good, (*path, "stranger"), 1)
        if isinstance(value, list):
            yield f"{path} x 1000", _with(good, path, value * 1000)
            yield f"{path} twice", _with(good, path, value * 2)
    for wrong in (None, [], "x", 1, True):
        yield f"payload={wrong!r}", wrong


def _paths(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        yield (*before, key)
        yield from _paths(inner, (*before, key))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def _with(good: Any, path: tuple[str | int, ...], wrong: Any) -> Any:
    changed = copy.deepcopy(good)
    _at(changed, path[:-1])[path[-1]] = copy.deepcopy(wrong)
    return changed


def _without(good: Any, path: tuple[str | int, ...]) -> Any:
    changed = copy.deepcopy(good)
    del _at(changed, path[:-1])[path[-1]]
    return changed
