"""The board of a desk: ``SafetyBoard`` for the safety process, over the bench's socket.

Owns: one non-blocking SOCK_SEQPACKET connection, made anew whenever it is lost; the outputs as the
hardware would hold them; the latest inputs and their age. Refuses to know: the world behind the socket.
Standard library only, no asyncio. A tick costs tens of microseconds: one receive, rarely a send, and the
shared ``plateaus`` on the raw samples.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from struct import unpack

from hal.interface import DUTY_STEADY_LOW, HardwareError, LockDrive, PilotSample
from hal.plateaus import plateaus
from hal.profile import BoardProfile, EvseProfile
from hal.simulated.wire import (
    LONGEST_MESSAGE,
    NO_TEMPERATURE,
    OPEN_OHM,
    SOCKET_NAME,
    Inputs,
    Outputs,
    Panel,
    WireError,
    decode_inputs,
    encode_outputs,
)

OLDEST_INPUTS_US = 100_000
RESEND_US = 40_000
"""Outputs are repeated so often when nothing changed: it carries the watchdog pulses."""
RECONNECT_US = 100_000
MOST_MESSAGES = 64
"""So many waiting messages are skipped in one tick: bounds its time after a stall."""


class _Pilot:
    def __init__(self, evse: RemoteEvse) -> None:
        self._evse = evse

    def set_duty(self, duty_pm: int) -> None:
        if not 0 <= duty_pm <= 1000:
            raise ValueError(f"evse {self._evse.evse_id}: duty {duty_pm} permille; expected 0..1000")
        self._evse.output("duty_pm", duty_pm)

    def sample(self) -> PilotSample:
        raw = self._evse.inputs().samples
        if not raw:
            raise HardwareError(
                f"evse {self._evse.evse_id}: the bench's pilot ADC gives no samples; clear the fault adc_dead"
            )
        return plateaus(unpack(f"={len(raw) // 2}h", raw))


class _Contactor:
    def __init__(self, evse: RemoteEvse, has_mirror: bool) -> None:
        self._evse = evse
        self._has_mirror = has_mirror

    def set_closed(self, closed: bool) -> None:
        self._evse.output("contactor", closed, at_once=True)

    def mirror_closed(self) -> bool | None:
        return self._evse.inputs().mirror_closed if self._has_mirror else None


class _ResidualCurrent:
    def __init__(self, evse: RemoteEvse, has_test: bool) -> None:
        self._evse = evse
        self._has_test = has_test

    def tripped(self) -> bool:
        return self._evse.inputs().rcd_tripped

    def set_test(self, active: bool) -> None:
        if self._has_test:
            self._evse.output("rcd_test", active)


class _Proximity:
    def __init__(self, evse: RemoteEvse) -> None:
        self._evse = evse

    def resistance_ohm(self) -> int | None:
        ohm = self._evse.inputs().proximity_ohm
        return None if ohm == OPEN_OHM else ohm


class _Lock:
    def __init__(self, evse: RemoteEvse, has_feedback: bool) -> None:
        self._evse = evse
        self._has_feedback = has_feedback

    def drive(self, drive: LockDrive) -> None:
        self._evse.output("lock", int(drive))

    def locked(self) -> bool | None:
        return self._evse.inputs().locked if self._has_feedback else None


class _Temperature:
    def __init__(self, evse: RemoteEvse, name: str) -> None:
        self._evse = evse
        self.name = name

    def read_mdeg_c(self) -> int:
        mdeg_c = self._evse.inputs().temperature_mdeg_c
        if mdeg_c == NO_TEMPERATURE:
            raise HardwareError(
                f"evse {self._evse.evse_id}: the bench's temperature sensor {self.name} does not answer; "
                f"clear the fault temperature_sensor_lost"
            )
        return mdeg_c


class _PhaseSwitch:
    def __init__(self, evse: RemoteEvse, has_feedback: bool) -> None:
        self._evse = evse
        self._has_feedback = has_feedback

    def set_three_phase(self, three: bool) -> None:
        self._evse.output("three_phase", three)

    def three_phase(self) -> bool | None:
        return self._evse.inputs().three_phase if self._has_feedback else None


class _EmergencyStop:
    def __init__(self, board: RemoteBoard) -> None:
        self._board = board

    def active(self) -> bool:
        return self._board.panel().emergency_stop


class _Enclosure:
    def __init__(self, board: RemoteBoard) -> None:
        self._board = board

    def active(self) -> bool:
        return self._board.panel().enclosure_open


class RemoteEvse:
    """One EVSE of a ``RemoteBoard``."""

    def __init__(self, board: RemoteBoard, profile: EvseProfile, outputs: Outputs, index: int) -> None:
        self._board = board
        self._outputs = outputs
        self._index = index
        self.evse_id = profile.evse_id
        self.pilot = _Pilot(self)
        self.contactor = _Contactor(self, profile.mirror is not None)
        self.residual_current = (
            None
            if profile.residual_current is None
            else _ResidualCurrent(self, profile.residual_current_test is not None)
        )
        self.proximity = None if profile.tethered else _Proximity(self)
        self.lock = None if profile.lock is None else _Lock(self, profile.lock.feedback is not None)
        self.temperatures = [_Temperature(self, sensor.name) for sensor in profile.temperatures]
        switch = profile.phase_switch
        self.phase_switch = None if switch is None else _PhaseSwitch(self, switch.feedback is not None)

    def inputs(self) -> Inputs:
        """The latest inputs. Raises ``HardwareError`` while there are none."""
        return self._board.inputs(self._index)

    def output(self, name: str, value: int, *, at_once: bool = False) -> None:
        """Change an output; it leaves at the end of the step, or ``at_once``."""
        if getattr(self._outputs, name) != value:
            setattr(self._outputs, name, value)
            self._board.changed(at_once)


class _Watchdog:
    def __init__(self, board: RemoteBoard) -> None:
        self._board = board

    def pulse(self) -> None:
        self._board.pulse()


class RemoteBoard:
    """``hal.interface.SafetyBoard`` on the bench that serves ``root``/run/board.sock.

    Connects at the first ``refresh`` and again by itself; until then, and whenever the inputs are older than
    100 ms, ``refresh`` raises ``HardwareError``. A contactor command leaves at once, other outputs at the
    end of the step (with the watchdog pulse) when they changed, all of them every 40 ms.
    """

    def __init__(
        self, profile: BoardProfile, root: Path, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._path = root / SOCKET_NAME
        self._monotonic_ns = monotonic_ns
        self._outputs = [Outputs(evse.evse_id) for evse in profile.evses]
        self.evses = [
            RemoteEvse(self, evse, outputs, index)
            for index, (evse, outputs) in enumerate(zip(profile.evses, self._outputs, strict=True))
        ]
        self.watchdog = None if profile.watchdog is None else _Watchdog(self)
        self.emergency_stop = None if profile.emergency_stop is None else _EmergencyStop(self)
        self.enclosure = None if profile.enclosure is None else _Enclosure(self)
        self._expected = [evse.evse_id for evse in profile.evses]
        self._buffer = memoryview(bytearray(LONGEST_MESSAGE))
        self._socket: socket.socket | None = None
        self._retry_at = 0
        self._why = "not yet connected"
        self._dirty = True
        self._pulses = 0
        self._sent_at = 0
        self._at_us = 0
        self._inputs: list[Inputs] = []
        self._panel = Panel()

    # ------------------------------------------------------------------ SafetyBoard

    def refresh(self) -> None:
        now_us = self._monotonic_ns() // 1000
        if self._socket is None:
            self._connect(now_us)
        if self._dirty or now_us - self._sent_at >= RESEND_US:
            self._send(now_us)
        for _ in range(MOST_MESSAGES):
            message = self._receive()
            if message is None:
                break
            self._adopt(message)  # the last one stays: a change of the pilot comes between the measurements
        if not self._inputs:
            raise HardwareError(self._trouble(self._why))
        age_us = now_us - self._at_us
        if age_us > OLDEST_INPUTS_US:
            self._forget()
            raise HardwareError(
                self._trouble(f"measurements {age_us // 1000} ms old; expected at most 100 ms")
            )

    def outputs_off(self) -> None:
        for outputs in self._outputs:
            outputs.contactor = False
            outputs.duty_pm = DUTY_STEADY_LOW
            outputs.lock = int(LockDrive.OFF)
            outputs.rcd_test = False
        now_us = self._monotonic_ns() // 1000
        self._dirty = True
        if self._socket is None:
            self._retry_at = now_us
            self._connect(now_us)
        self._send(now_us)
        if self._dirty:
            raise HardwareError(self._trouble(f"outputs could not be switched off: {self._why}"))

    def close(self) -> None:
        self._lose("closed")

    # ------------------------------------------------------------------ for the parts

    def inputs(self, index: int) -> Inputs:
        if not self._inputs:
            raise HardwareError(self._trouble(self._why))
        return self._inputs[index]

    def panel(self) -> Panel:
        if not self._inputs:
            raise HardwareError(self._trouble(self._why))
        return self._panel

    def changed(self, at_once: bool) -> None:
        self._dirty = True
        if at_once:
            self._send(self._monotonic_ns() // 1000)

    def pulse(self) -> None:
        self._pulses += 1
        if self._dirty:
            self._send(self._monotonic_ns() // 1000)

    # ------------------------------------------------------------------ the connection

    def _connect(self, now_us: int) -> None:
        if now_us < self._retry_at:
            return
        self._retry_at = now_us + RECONNECT_US
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.setblocking(False)
        try:
            link.connect(str(self._path))
        except OSError as problem:
            link.close()
            self._why = f"cannot connect: {problem.strerror or problem}"
            return
        self._socket = link
        self._dirty = True
        self._why = "connected, no measurements yet"

    def _send(self, now_us: int) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(encode_outputs(self._pulses, self._outputs))
        except (BlockingIOError, InterruptedError):
            self._why = "the bench does not read"
        except OSError as problem:
            self._lose(f"connection lost: {problem.strerror or problem}")
        else:
            self._dirty = False
            self._sent_at = now_us

    def _receive(self) -> memoryview | None:
        """The next waiting message, valid until the next call: the buffer is always the same."""
        if self._socket is None:
            return None
        try:
            length = self._socket.recv_into(self._buffer)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as problem:
            self._lose(f"connection lost: {problem.strerror or problem}")
            return None
        if not length:
            self._lose("connection closed by the bench (it ended, or serves another safety process)")
            return None
        return self._buffer[:length]

    def _adopt(self, message: memoryview) -> None:
        try:
            at_us, inputs, panel = decode_inputs(message)
        except WireError as problem:
            self._lose(f"{problem}; bench and safety process must be of the same release")
            return
        found = [entry.evse_id for entry in inputs]
        if found != self._expected:
            self._lose(
                f"the bench has EVSEs {found}, the profile has {self._expected}; give both the same profile"
            )
            return
        self._inputs = inputs
        self._panel = panel
        self._at_us = at_us

    def _lose(self, why: str) -> None:
        self._why = why
        self._forget()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _forget(self) -> None:
        self._inputs = []

    def _trouble(self, what: str) -> str:
        return f'simulated board at {self._path}: {what}; start "joulepost bench" (or restart it)'
