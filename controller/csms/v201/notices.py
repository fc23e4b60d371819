"""Faults as NotifyEvent (2.0.1 N07): the Problem of the component that the catalogue names.

Owns: the eventData of FaultRaised and FaultCleared. The monitors are hard-wired: always on, not configurable.
Refuses to know: which faults there are (``domain.faults``).

Ordered delivery, like a transaction: a fault that came and went while the station was offline is told
afterwards, in its place (N07.FR.04 asks for it up to a severity; a fault is one). A CSMS that does not
implement NotifyEvent says so once per fault and delays nothing.
"""

from __future__ import annotations

from zlib import crc32

from controller.csms.rpc import Call
from controller.csms.wire import Payload, instant
from controller.domain.events import FaultCleared, FaultRaised
from controller.domain.faults import describe


def notify_event(event: FaultRaised | FaultCleared) -> Call:
    """NotifyEventRequest with one eventData; ``cleared`` only when true (N07.FR.02)."""
    fault = describe(event.fault)
    raised = isinstance(event, FaultRaised)
    component: Payload = {"name": fault.component201}
    if event.evse_id > 0:
        component["evse"] = {"id": event.evse_id}
    data: Payload = {
        "eventId": _event_id(event),
        "timestamp": instant(event.at_ms),
        "trigger": "Delta",  # of a boolean: its change (N07.FR.18)
        "actualValue": "true" if raised else "false",
        "techCode": (fault.mrec or fault.name)[:50],
        "techInfo": f"{fault.name}: {fault.cause if raised else 'cleared'}"[:500],
        "eventNotificationType": "HardWiredMonitor",
        "component": component,
        "variable": {"name": "Problem"},
    }
    if not raised:
        data["cleared"] = True
    return Call("NotifyEvent", {"generatedAt": instant(event.at_ms), "seqNo": 0, "eventData": [data]})


def _event_id(event: FaultRaised | FaultCleared) -> int:
    """The same for every repetition, and a positive 32-bit integer."""
    return crc32(f"{type(event).__name__} {event.evse_id} {event.fault} {event.at_ms}".encode()) & 0x7FFF_FFFF
