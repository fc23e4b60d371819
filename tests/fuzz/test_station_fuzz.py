"""Whatever a CSMS sends: the right CALLERROR or silence, the station lives on, and its memory stays small.

The whole controller behind a real websocket: every request of 1.6 with every field wrong in every way, and
frames that are wrong as frames.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from controller.csms.link import MAX_MESSAGE_BYTES
from controller.domain.effects import Restart
from tests.fuzz.payloads import TO_STATION, mutations, violations
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual

RPC_CODES = {
    "NotImplemented",
    "NotSupported",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
"""OCPP-J 1.6 table 7 without InternalError: that one would be a bug of ours."""
GROWTH_KIB = 40_000
"""How much resident memory a few thousand hostile frames may cost: schemas and libraries, no frames."""


class Attacker(FakeCsms):
    """A CSMS that sends raw frames and waits for what comes back."""

    _ids = itertools.count(1)

    async def provoke(self, frame: str | bytes, id_: str, cabin: Cabin) -> list[Any] | None:
        """The answer with this message id, None when there is none before a good request was answered."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = future
        try:
            await self.raw(frame)
            if not await self.alive(cabin, future):
                return None
            return future.result() if future.done() else None
        finally:
            del self._waiting[id_]

    async def alive(self, cabin: Cabin, before: asyncio.Future[list[Any]] | None = None) -> bool:
        """A good request is answered. False: the connection ended (and came back)."""
        probe = f"probe-{next(self._ids)}"
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[probe] = future
        connections = self.connections
        try:
            if self._socket is not None:
                await self.raw(json.dumps([2, probe, "GetLocalListVersion", {}]))
            waiting = {future} if before is None else {future, before}
            while not future.done() and connections == self.connections and self._socket is not None:
                await asyncio.wait(waiting, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                assert future.result()[0] == 3, future.result()
                return True
        finally:
            del self._waiting[probe]
        await cabin.until(
            lambda: self._socket is not None and self.connections > connections, "reconnected", 400
        )
        await cabin.online()
        return False


def unstoppable(cabin: Cabin) -> None:
    """A reset is answered and journalled, but the program goes on."""
    assert cabin.app is not None
    inbox = cabin.app.inbox
    perform = inbox.on_effect
    inbox.on_effect = lambda effect: None if isinstance(effect, Restart) else perform(effect)


def resident_kib() -> int:
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS in /proc/self/status")


def judge(action: str, payload: Any, answer: list[Any] | None) -> str:
    """What is wrong with an answer, "" = nothing."""
    deserved = violations(action, payload)
    if answer is None:  # right for a valid request that had the station connect anew
        return f"no answer, expected one of {deserved}" if deserved else ""
    if answer[0] == 3:
        broken = violations(f"{action}Response", answer[2])
        if deserved or broken:
            return f"{answer}, expected one of {deserved or 'its schema'}"
        return ""
    _four, _id, code, description, details = answer
    allowed = deserved or RPC_CODES
    if code not in allowed:
        return f"{answer}, expected one of {allowed}"
    return "" if len(description) <= 255 and isinstance(details, dict) else f"{answer}: breaks the frame"


@pytest.mark.parametrize("full", [False, True], ids=["required fields", "all fields"])
@pytest.mark.parametrize("action", TO_STATION)
def test_16_CONN_12_16_CONN_13_every_field_wrong_in_every_way(
    tmp_path: Path, action: str, full: bool
) -> None:
    async def main() -> None:
        async with Attacker("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            unstoppable(cabin)
            wrong = []
            for number, (what, payload) in enumerate(mutations(action, full)):
                id_ = f"m-{number}"
                frame = json.dumps([2, id_, action, payload])
                if len(frame.encode()) > MAX_MESSAGE_BYTES // 8:
                    continue  # sizes have a test of their own
                answer = await csms.provoke(frame, id_, cabin)
                found = judge(action, payload, answer)
                if found:
                    wrong.append(f"{what}: {found}")
            assert not wrong, "\n".join(wrong)

    run_virtual(main())


FRAMES: dict[str, tuple[str | bytes, str | None]] = {
    # frame -> what comes back: a code, "closed", or None = nothing
    "empty": ("", None),
    "no JSON": ("hello", None),
    "half a frame": ('[2,"x","Reset"', "FormationViolation"),
    "an object": ('{"a":1}', None),
    "a number": ("2", None),
    "an empty array": ("[]", None),
    "only a type": ("[2]", None),
    "a type as text": ('["2","x","Heartbeat",{}]', None),
    "an unknown type": ('[7,"x","Heartbeat",{}]', None),
    "a huge type": (f'[{10**400},"x","Heartbeat",{{}}]', None),
    "a digit bomb": (f'[2,"x","DataTransfer",{{"vendorId":{"9" * 5000}}}]', "any"),
    "no payload": ('[2,"x","ClearCache"]', "FormationViolation"),
    "too many elements": ('[2,"x","ClearCache",{},{}]', "FormationViolation"),
    "payload an array": ('[2,"x","ClearCache",[]]', "FormationViolation"),
    "payload null": ('[2,"x","ClearCache",null]', None),
    "an action that is none": ('[2,"x","ReBoot",{}]', "NotImplemented"),
    "an action of the station": ('[2,"x","StartTransaction",{}]', "any"),
    "an action that is a number": ('[2,"x",5,{}]', "any"),
    "an id that is a number": ('[2,5,"ClearCache",{}]', None),
    "an id of 37 characters": (f'[2,"{"x" * 37}","ClearCache",{{}}]', None),
    "an empty id": ('[2,"","ClearCache",{}]', None),
    "an answer to nothing": ('[3,"nobody",{}]', None),
    "an error to nothing": ('[4,"nobody","GenericError","",{}]', None),
    "an answer without payload": ('[3,"nobody"]', None),
    "not a number": ('[2,"x","SetChargingProfile",{"connectorId":NaN}]', "any"),
    "infinite": ('[2,"x","SetChargingProfile",{"connectorId":Infinity}]', "any"),
    "keys twice": ('[2,"x","DataTransfer",{"vendorId":"a","vendorId":"b"}]', "any"),
    "a byte order mark": ('\ufeff[2,"x","ClearCache",{}]', "any"),
    "a lone surrogate": ('[2,"x","DataTransfer",{"vendorId":"\\ud800"}]', "any"),
    "a nul": ('[2,"x","DataTransfer",{"vendorId":"\\u0000"}]', "any"),
    "63 deep": ('[2,"x","DataTransfer",{"vendorId":' + "[" * 60 + "]" * 60 + "}]", "any"),
    "100,000 deep": ('[2,"x","DataTransfer",{"vendorId":' + "[" * 100_000 + "]" * 100_000 + "}]", "any"),
    "100,000 open": ("[" * 100_000, None),
    "a binary frame": (b'[2,"x","ClearCache",{}]', "any"),
    "no UTF-8 in a binary frame": (b"\xff\xfe\x00", None),
    "a megabyte of text": (f'[2,"x","DataTransfer",{{"vendorId":"{"v" * 1_000_000}"}}]', "any"),
    "a megabyte of members": (
        '[2,"x","DataTransfer",{' + ",".join(f'"k{n}":{n}' for n in range(70_000)) + "}]",
        "any",
    ),
    "a megabyte of spaces": ('[2,"x","ClearCache",{}]' + " " * 1_000_000, "any"),
    "more than a megabyte": ('[2,"x","ClearCache",{}]' + " " * (MAX_MESSAGE_BYTES + 1), "closed"),
}


def test_16_CONN_08_16_CONN_11_frames_wrong_as_frames(tmp_path: Path) -> None:
    async def main() -> None:
        async with Attacker("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            for name, (frame, expected) in FRAMES.items():
                before = csms.connections
                answer = await csms.provoke(frame, "x", cabin)
                assert (expected == "closed") == (csms.connections > before), f"{name}: connections"
                if expected is None:
                    assert answer is None or answer[0] == 3, f"{name}: {answer}"
                elif expected == "any":
                    assert answer is None or answer[0] == 3 or answer[2] in RPC_CODES, f"{name}: {answer}"
                elif expected != "closed":
                    assert answer is not None and answer[2] == expected, f"{name}: {answer}"
            assert cabin.station.online

    run_virtual(main())


def test_memory_stays_bounded_under_a_flood_of_wrong_frames(tmp_path: Path) -> None:
    """After a first round, which loads schemas and libraries, more rounds of the same cost no memory."""

    async def round_(csms: Attacker, cabin: Cabin) -> None:
        for number in range(300):
            size = (1, 1_000, 100_000)[number % 3]
            await csms.provoke(
                f'[2,"x{number}","DataTransfer",{{"vendorId":"{"v" * size}"}}]', f"x{number}", cabin
            )
            await csms.provoke(f'[3,"{number}",{{"a":"{"v" * size}"}}]', "none", cabin)
            await csms.provoke("[" * size, "none", cabin)

    async def main() -> None:
        async with Attacker("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await round_(csms, cabin)
            csms.frames.clear()
            csms.received.clear()
            first_kib = resident_kib()
            for _ in range(3):
                await round_(csms, cabin)
                csms.frames.clear()
                csms.received.clear()
            grown_kib = resident_kib() - first_kib
            assert grown_kib < GROWTH_KIB, f"{grown_kib} KiB more after three more rounds"

    run_virtual(main())
