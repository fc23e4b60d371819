"""Schema checks: every file of every version, against the ``jsonschema`` library as a second opinion."""

from __future__ import annotations

import copy
import functools
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.csms.errors import Kind, SchemaViolation
from controller.csms.rpc import DIALECT_16, Request, Rpc
from controller.csms.schema import SchemaFileError, Schemas, schema_dir
from tests.fuzz.payloads import example

VERSIONS = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
ALL = pytest.mark.parametrize("version", VERSIONS)


@functools.cache
def schemas(version: str) -> Schemas:
    return Schemas.installed(version)


def check(version: str, stem: str, payload: Any) -> None:
    """Checks against the file ``stem``.json through the public way that leads to it."""
    found = schemas(version)
    if stem in found.sends:
        found.check_send(stem, payload)
    elif stem.endswith("Response"):
        found.check_response(stem.removesuffix("Response"), payload)
    else:
        found.check_request(stem.removesuffix("Request"), payload)


def violation(version: str, stem: str, payload: Any) -> SchemaViolation:
    with pytest.raises(SchemaViolation) as caught:
        check(version, stem, payload)
    return caught.value


# ---- samples made from the schemas


def resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = root["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return node


def sample(node: dict[str, Any], root: dict[str, Any], *, full: bool) -> Any:
    """A payload that fits: with every member (``full``) or only with those required."""
    node = resolved(node, root)
    kind = node.get("type")
    if kind == "object":
        names = node.get("properties", {}) if full else node.get("required", [])
        return {name: sample(node["properties"][name], root, full=full) for name in names}
    if kind == "array":
        count = max(node.get("minItems", 0), 1 if full else 0)
        return [sample(node["items"], root, full=full) for _ in range(count)]
    if kind == "string":
        if "enum" in node:
            return node["enum"][-1]
        formats = {"date-time": "2026-02-28T23:59:59.999Z", "uri": "ftp://host/dir"}
        if "format" in node:
            return formats[node["format"]]
        return "é" * min(node.get("maxLength", 40), 60) if full else "x" * node.get("minLength", 0)
    if kind == "boolean":
        return full
    if kind in ("integer", "number"):
        number = node.get("maximum", node.get("minimum", 0) + 7) if full else node.get("minimum", 0)
        return int(number) if kind == "integer" else number
    return {"anything": [1, None]}


def mutants(node: dict[str, Any], root: dict[str, Any], value: Any) -> Iterator[tuple[Kind, Any]]:
    """Every way to break ``value`` in one place, with what is then wrong."""
    node = resolved(node, root)
    kind = node.get("type")
    if kind is None:
        return
    yield Kind.TYPE, None
    yield Kind.TYPE, 5 if kind in ("string", "object", "array", "boolean") else "5"
    if kind == "object":
        for name in node.get("required", ()):
            yield Kind.OCCURRENCE, {key: item for key, item in value.items() if key != name}
        if node.get("additionalProperties") is False:
            yield Kind.FORMATION, {**value, "surplus": 1}
        for name, item in value.items():
            for why, broken in mutants(node["properties"][name], root, item):
                yield why, {**value, name: broken}
    elif kind == "array":
        if node.get("minItems", 0) > 0:
            yield Kind.OCCURRENCE, []
        if "maxItems" in node:
            yield Kind.OCCURRENCE, value[:1] * (node["maxItems"] + 1)
        for why, broken in mutants(node["items"], root, value[0]):
            yield why, [broken, *value[1:]]
    elif kind == "string":
        if "enum" in node or "format" in node:
            yield Kind.PROPERTY, "no such value"
        elif "maxLength" in node:
            yield Kind.PROPERTY, "x" * (node["maxLength"] + 1)
    elif kind in ("integer", "number"):
        yield Kind.TYPE, True
        if kind == "integer":
            yield Kind.TYPE, 1.5
        if "maximum" in node:
            yield Kind.PROPERTY, int(node["maximum"] + 1)
        if "minimum" in node:
            yield Kind.PROPERTY, int(node["minimum"] - 1)


@ALL
def test_every_schema_takes_what_fits_and_names_what_does_not(version: str) -> None:
    files = sorted(schema_dir(version).glob("*.json"))
    assert len(files) >= {"ocpp1.6": 78, "ocpp2.0.1": 128, "ocpp2.1": 181}[version]
    draft = jsonschema.Draft4Validator if version == "ocpp1.6" else jsonschema.Draft6Validator
    chance = random.Random(version)
    tried = 0
    for path in files:
        schema = json.loads(path.read_bytes())
        second_opinion = draft(schema)
        for full in (False, True):
            good = sample(schema, schema, full=full)
            before = copy.deepcopy(good)
            check(version, path.stem, good)
            assert good == before, "defaults must not be filled in"
            if chance.random() < 0.25:
                assert second_opinion.is_valid(good), (path.name, good)
        for why, bad in mutants(schema, schema, good):
            tried += 1
            unknown = bad.get("requestedMessage") if isinstance(bad, dict) else None
            answered = ("TriggerMessage", "ExtendedTriggerMessage")
            if path.stem in answered and unknown not in (good["requestedMessage"], None, 5):
                continue  # 1.6 5.17, white paper 6.17: an unknown one is answered NotImplemented
            found = violation(version, path.stem, bad)
            assert found.code_kind is why, (path.name, str(found))
            # it knows nothing of formats, which makes a wrong date-time right for it
            if chance.random() < 0.1 and "date-time" not in found.message and "URI" not in found.message:
                assert not second_opinion.is_valid(bad), (path.name, str(found))
    assert tried > 1_000


def test_the_ocpp_package_is_read_but_not_imported() -> None:
    program = (
        "import sys; from controller.csms.schema import Schemas\n"
        "Schemas.installed('ocpp2.0.1').check_request('Heartbeat', {})\n"
        "sys.exit(bool({'ocpp', 'jsonschema', 'fastjsonschema'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@ALL
def test_actions(version: str) -> None:
    found = schemas(version)
    assert {"BootNotification", "Heartbeat", "TriggerMessage", "Reset"} <= found.actions
    assert not any(action.endswith(("Request", "Response")) for action in found.actions)
    assert ("GetConfiguration" in found.actions) is (version == "ocpp1.6")
    assert found.sends == (frozenset({"NotifyPeriodicEventStream"}) if version == "ocpp2.1" else frozenset())
    for method in (found.check_request, found.check_response, found.check_send):
        with pytest.raises(KeyError):
            method("NoSuchAction", {})


def test_the_path_leads_to_the_mistake() -> None:
    values = [{"value": "1"}, {"value": "2", "unit": "Furlong"}]
    payload = {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": values}],
    }
    found = violation("ocpp1.6", "MeterValues", payload)
    assert (found.path, found.code_kind) == ("meterValue.0.sampledValue.1.unit", Kind.PROPERTY)
    assert str(found).startswith("meterValue.0.sampledValue.1.unit: found 'Furlong', expected one of A, ")


# ---- quirks of the 1.6 files


STOP = {"transactionId": 1, "timestamp": "2026-01-01T00:00:00Z", "meterStop": 5}


def charging_profile(limit: Any) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "minChargingRate": 0.3,
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def test_a_number_whose_tenths_no_float_holds_is_refused() -> None:
    """It would end the reader of the connection, and with it the controller."""
    profile = example("SetChargingProfile", full=False)
    profile["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = 1e308
    with pytest.raises(SchemaViolation, match="multiple"):
        check("ocpp1.6", "SetChargingProfile", profile)


def test_every_tenth_is_a_multiple_of_a_tenth() -> None:
    """10.1 / 0.1 is 100.99999999999999 in binary: jsonschema and a plain remainder both refuse it."""
    assert not jsonschema.Draft4Validator({"multipleOf": 0.1}).is_valid(10.1) or 10.1 % 0.1 > 1e-9
    for tenths in range(2_000):
        check("ocpp1.6", "SetChargingProfile", charging_profile(tenths / 10))
    for watts in (22_080.0, 22_080.1, 1_000_000.9, 43_000):
        check("ocpp1.6", "SetChargingProfile", charging_profile(watts))


@pytest.mark.parametrize("limit", [10.15, 0.05, 22_080.12, 6.01])
def test_finer_limits_than_a_tenth_are_refused(limit: float) -> None:
    found = violation("ocpp1.6", "SetChargingProfile", charging_profile(limit))
    assert found.code_kind is Kind.PROPERTY and found.path.endswith("chargingSchedulePeriod.0.limit")


def test_a_limit_arrives_through_a_frame() -> None:
    rpc = Rpc(DIALECT_16, schemas("ocpp1.6"))
    text = json.dumps([2, "1", "SetChargingProfile", charging_profile(10.1)])
    (request,) = rpc.receive(text, 0)
    assert isinstance(request, Request)
    schedule = request.payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 10.1


@pytest.mark.parametrize("unit", ["Celcius", "Celsius"])
def test_16_CONN_15_both_spellings_of_celsius(unit: str) -> None:
    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "20", "unit": unit}]}
    check("ocpp1.6", "MeterValues", {"connectorId": 1, "meterValue": [value]})
    check("ocpp1.6", "StopTransaction", {**STOP, "transactionData": [value]})


def test_16_CONN_16_stop_transaction_needs_no_reason() -> None:
    check(
        "ocpp1.6",
        "StopTransaction",
        {"transactionId": 1, "timestamp": "2026-01-01T00:00:00Z", "meterStop": 5},
    )


def test_errata_24_interval_is_an_integer() -> None:
    answer = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300.5}
    assert violation("ocpp1.6", "BootNotificationResponse", answer).code_kind is Kind.TYPE


# ---- instants


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.1Z",
        "2026-01-31T12:00:00.123456789Z",
        "2026-01-31T12:00:00+01:00",
        "2026-01-31T12:00:00.5-11:30",
        "2024-02-29T00:00:00Z",
    ],
)
@ALL
def test_16_CONN_22_instants_with_fractions_and_offsets(version: str, text: str) -> None:
    check(version, "HeartbeatResponse", {"currentTime": text})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00Z",
        "2026-02-30T12:00:00Z",
        "2023-02-29T00:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:30:00Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00Z ",
        "2026-01-31T12:00:00Zulu",
        "２０２６-01-31T12:00:00Z",
        "20260131T120000Z",
    ],
)
@ALL
def test_16_CONN_22_what_is_no_instant(version: str, text: str) -> None:
    assert violation(version, "HeartbeatResponse", {"currentTime": text}).code_kind is Kind.PROPERTY


def test_16_CONN_22_zone() -> None:
    """1.6 3.15 asks for ISO 8601, where the zone may be left out; 2.x for RFC 3339, where it may not."""
    naive = {"currentTime": "2026-01-31T12:00:00"}
    check("ocpp1.6", "HeartbeatResponse", naive)
    assert violation("ocpp2.0.1", "HeartbeatResponse", naive).code_kind is Kind.PROPERTY


# ---- tolerance for answers


@ALL
def test_answers_are_read_with_tolerance(version: str) -> None:
    answer = {"status": "Accepted", "currentTime": "2026-01-31T12:00:00", "interval": 5, "a": None, "b": [1]}
    payload, overlooked = schemas(version).accept_response("BootNotification", answer)
    assert payload == {"status": "Accepted", "currentTime": "2026-01-31T12:00:00", "interval": 5, "b": [1]}
    assert overlooked
    assert schemas(version).accept_response("BootNotification", payload | {"b": 1})[1]
    exact = {"status": "Accepted", "currentTime": "2026-01-31T12:00:00Z", "interval": 5}
    assert schemas(version).accept_response("BootNotification", exact) == (exact, "")


@pytest.mark.parametrize(
    "change", [{"status": "OK"}, {"status": None}, {"interval": "5"}, {"currentTime": "now"}]
)
@ALL
def test_tolerance_ends_where_the_meaning_is_in_doubt(version: str, change: dict[str, Any]) -> None:
    answer = {"status": "Accepted", "currentTime": "2026-01-31T12:00:00Z", "interval": 5} | change
    with pytest.raises(SchemaViolation):
        schemas(version).accept_response("BootNotification", answer)


# ---- files that are not what they should be


def schema_folder(tmp_path: Path, request: str) -> Schemas:
    (tmp_path / "Ask.json").write_text(request)
    (tmp_path / "AskResponse.json").write_text('{"type": "object"}')
    return Schemas(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected a JSON schema"),
        ("[]", "found list, expected a JSON object"),
        ('{"type": "tuple"}', "found type 'tuple'"),
        ('{"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}}', "keyword pattern"),
        ('{"type": "object", "properties": {"a": {"type": "string", "format": "ipv4"}}}', "format 'ipv4'"),
        (
            '{"type": "object", "properties": {"a": {"$ref": "other.json#/x"}}}',
            "a definition of the same file",
        ),
        ('{"type": "object", "additionalProperties": {"type": "string"}}', "expected true or false"),
        (
            '{"type": "object", "properties": {"a": {"type": "array", "items": []}}}',
            "one schema for all items",
        ),
    ],
)
def test_a_schema_that_cannot_be_obeyed_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SchemaFileError, match=message) as caught:
        schema_folder(tmp_path, text).check_request("Ask", {})
    assert str(tmp_path / "Ask.json") in str(caught.value)


def test_a_schema_that_contains_itself(tmp_path: Path) -> None:
    tree = {
        "type": "object",
        "properties": {"child": {"$ref": "#/definitions/Tree"}},
        "additionalProperties": False,
    }
    found = schema_folder(tmp_path, json.dumps({**tree, "definitions": {"Tree": tree}}))
    found.check_request("Ask", {"child": {"child": {"child": {}}}})
    with pytest.raises(SchemaViolation, match=r"^child.child.kid: "):
        found.check_request("Ask", {"child": {"child": {"kid": {}}}})


def test_schemas_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SchemaFileError, match="expected a folder of JSON schemas"):
        Schemas(tmp_path / "nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SchemaFileError, match="pip install ocpp"):
        Schemas.installed("ocpp1.6")
