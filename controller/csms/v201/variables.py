"""GetVariables, SetVariables and GetBaseReport of 2.0.1 as views of the settings (B05, B06, B07).

Owns: ComponentType and VariableType on the wire, and how a report is cut into NotifyReports.
Refuses to know: which variables exist and what they mean; ``controller.settings`` does.
"""

from __future__ import annotations

from decimal import Decimal

from controller.csms.rpc import Call, CallRefused
from controller.csms.version import Answer, Desk, Query, chunks
from controller.csms.wire import Payload, instant
from controller.settings.catalog import (
    ITEMS_GET_REPORT,
    ITEMS_GET_VARIABLES,
    ITEMS_SET_VARIABLES,
    WRITE_ONLY,
    Variable,
)
from controller.settings.settings import (
    Attribute,
    GetItem,
    ReportBase,
    ReportRow,
    SetItem,
    VariableRef,
)


def _ref(item: Payload) -> VariableRef:
    component, variable = item["component"], item["variable"]
    evse = component.get("evse", {})
    return VariableRef(
        component["name"],
        variable["name"],
        variable.get("instance"),
        evse.get("id"),
        evse.get("connectorId"),
        component.get("instance"),
    )


def _attribute(item: Payload) -> Attribute | None:
    name = item.get("attributeType")
    return None if name is None else Attribute(name)


def _at_most(count: int, desk: Desk, limit: Variable[int]) -> None:
    """B06.FR.16; the same for SetVariables."""
    most = desk.settings[limit]
    if count > most:
        raise CallRefused(
            "OccurrenceConstraintViolation",
            f"found {count} items, expected at most {most} ({limit.full_name})",
        )


def get_variables(payload: Payload) -> Query:
    """B06. ``component`` and ``variable`` come back as they were sent (B06.FR.02, FR.14)."""
    data = payload["getVariableData"]

    def answer(desk: Desk) -> Answer:
        _at_most(len(data), desk, ITEMS_GET_VARIABLES)
        results = desk.settings.get_variables([GetItem(_ref(item), _attribute(item)) for item in data])
        shown = []
        for item, result in zip(data, results, strict=True):
            row: Payload = {
                "attributeStatus": result.status.value,
                "attributeType": result.attribute.value,
                "component": item["component"],
                "variable": item["variable"],
            }
            if result.value is not None:
                row["attributeValue"] = result.value
            if result.info:
                reason = "WriteOnly" if result.status.value == "Rejected" else "Unspecified"
                row["attributeStatusInfo"] = {"reasonCode": reason, "additionalInfo": result.info[:512]}
            shown.append(row)
        return Answer({"getVariableResult": shown})

    return Query(answer)


def set_variables(payload: Payload) -> Query:
    """B05."""
    data = payload["setVariableData"]

    def answer(desk: Desk) -> Answer:
        _at_most(len(data), desk, ITEMS_SET_VARIABLES)
        items = [SetItem(_ref(item), item["attributeValue"], _attribute(item)) for item in data]
        results = desk.settings.set_variables(items)
        shown = []
        for item, result in zip(data, results, strict=True):
            row: Payload = {
                "attributeStatus": result.status.value,
                "attributeType": result.attribute.value,
                "component": item["component"],
                "variable": item["variable"],
            }
            if result.reason:
                row["attributeStatusInfo"] = {"reasonCode": result.reason[:20]}
                if result.info:
                    row["attributeStatusInfo"]["additionalInfo"] = result.info[:512]
            shown.append(row)
        return Answer({"setVariableResult": shown})

    return Query(answer)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _row(row: ReportRow) -> Payload:
    """ReportDataType. A write-only variable has no value to report (errata 2.10)."""
    ref = row.ref
    component: Payload = {"name": ref.component}
    if ref.evse_id is not None:
        component["evse"] = {"id": ref.evse_id}
        if ref.connector_id is not None:
            component["evse"]["connectorId"] = ref.connector_id
    variable: Payload = {"name": ref.name}
    if ref.instance is not None:
        variable["instance"] = ref.instance
    attribute: Payload = {
        "type": Attribute.ACTUAL.value,
        "mutability": row.mutability.value,
        "persistent": row.persistent,
    }
    if row.value is not None and row.mutability is not WRITE_ONLY:
        attribute["value"] = row.value[:2500]
    characteristics: Payload = {"dataType": row.data_type.value, "supportsMonitoring": False}
    if row.unit:
        characteristics["unit"] = row.unit[:16]
    if row.min_limit is not None:
        characteristics["minLimit"] = _number(row.min_limit)
    if row.max_limit is not None:
        characteristics["maxLimit"] = _number(row.max_limit)
    if row.values:
        characteristics["valuesList"] = ",".join(row.values)[:1000]
    return {
        "component": component,
        "variable": variable,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }


def get_base_report(payload: Payload) -> Query:
    """B07: the answer first, then the report in NotifyReports with seqNo 0, 1, ... (B07.FR.10)."""

    def answer(desk: Desk) -> Answer:
        rows = [_row(row) for row in desk.settings.base_report(ReportBase(payload["reportBase"]))]
        if not rows:
            return Answer({"status": "EmptyResultSet"})
        parts = chunks(rows, desk.settings[ITEMS_GET_REPORT])
        generated_at = instant(desk.utc_ms)
        calls = tuple(
            Call(
                "NotifyReport",
                {
                    "requestId": payload["requestId"],
                    "generatedAt": generated_at,
                    "reportData": list(part),
                    "tbc": number < len(parts) - 1,
                    "seqNo": number,
                },
            )
            for number, part in enumerate(parts)
        )
        return Answer({"status": "Accepted"}, calls)

    return Query(answer)
