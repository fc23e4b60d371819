"""The messages between the bench and the safety process, as fixed structs on a SOCK_SEQPACKET socket.

Owns: their layout, one place for both ends. Refuses to know: sockets, time, what the values mean.
Standard library only and light: the safety process imports it. Each message is a whole, idempotent
snapshot of all EVSEs in the profile's order; the latest wins. Both ends run on the same machine and
from the same release: native byte order, and a magic that changes with the layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, error

SOCKET_NAME = "run/board.sock"
"""Where the bench listens, below its root directory."""

OPEN_OHM = -1
NO_TEMPERATURE = -(1 << 31)

_OUT_HEAD = Struct("=4sHI")  # magic, EVSEs, watchdog pulses
_OUT_EVSE = Struct("=HHBBBB")  # evse_id, duty_pm, contactor, lock drive, rcd test, three phases
_OUT_MAGIC = b"JPo2"
# magic, EVSEs, samples per burst, CLOCK_MONOTONIC in us, emergency stop, enclosure
_IN_HEAD = Struct("=4sHHQBB")
# evse_id, mirror, rcd, lock feedback, proximity ohm, valid samples, three phases, temperature
_IN_EVSE = Struct("=HBBBiHBi")
_IN_MAGIC = b"JPi2"

LONGEST_MESSAGE = 128 * 1024


class WireError(ValueError):
    """A message is not what this release sends. Says what was found and what was expected."""


@dataclass(slots=True)
class Outputs:
    """What the safety process drives on one EVSE."""

    evse_id: int
    duty_pm: int = 0
    contactor: bool = False
    lock: int = 0
    rcd_test: bool = False
    three_phase: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """What the board sees of the station as a whole."""

    emergency_stop: bool = False
    enclosure_open: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the board measures on one EVSE. ``samples`` is the burst as packed native int16 (mV), empty
    when the ADC does not answer; ``proximity_ohm`` -1 = open; ``temperature_mdeg_c`` is that of each of its
    sensors, ``NO_TEMPERATURE`` when they do not answer."""

    evse_id: int
    mirror_closed: bool
    rcd_tripped: bool
    locked: bool
    proximity_ohm: int
    samples: bytes
    three_phase: bool = False
    temperature_mdeg_c: int = NO_TEMPERATURE


def encode_outputs(pulses: int, outputs: list[Outputs]) -> bytes:
    """Safety process to bench. ``pulses`` counts watchdog pulses, modulo 2**32."""
    parts = [_OUT_HEAD.pack(_OUT_MAGIC, len(outputs), pulses & 0xFFFFFFFF)]
    parts += [
        _OUT_EVSE.pack(o.evse_id, o.duty_pm, o.contactor, o.lock, o.rcd_test, o.three_phase) for o in outputs
    ]
    return b"".join(parts)


def decode_outputs(message: bytes) -> tuple[int, list[Outputs]]:
    """Raises ``WireError``."""
    try:
        magic, count, pulses = _OUT_HEAD.unpack_from(message)
    except error as problem:
        raise WireError(f"outputs of {len(message)} bytes; expected at least {_OUT_HEAD.size}") from problem
    wanted = _OUT_HEAD.size + count * _OUT_EVSE.size
    if magic != _OUT_MAGIC or len(message) != wanted:
        raise WireError(f"outputs {magic!r}, {len(message)} bytes; expected {_OUT_MAGIC!r}, {wanted} bytes")
    outputs = [
        Outputs(evse_id, duty_pm, contactor != 0, lock, rcd_test != 0, three != 0)
        for evse_id, duty_pm, contactor, lock, rcd_test, three in _OUT_EVSE.iter_unpack(
            message[_OUT_HEAD.size :]
        )
    ]
    for output in outputs:
        if output.duty_pm > 1000 or output.lock > 2:
            raise WireError(f"outputs of evse {output.evse_id}: duty {output.duty_pm}, lock {output.lock}")
    return pulses, outputs


def encode_inputs(at_us: int, samples: int, inputs: list[Inputs], panel: Panel = Panel()) -> bytes:
    """Bench to safety process. Bursts are ``samples`` long for every EVSE; shorter ones are padded."""
    head = (len(inputs), samples, at_us, panel.emergency_stop, panel.enclosure_open)
    parts = [_IN_HEAD.pack(_IN_MAGIC, *head)]
    width = samples * 2
    for i in inputs:
        parts.append(
            _IN_EVSE.pack(
                i.evse_id,
                i.mirror_closed,
                i.rcd_tripped,
                i.locked,
                i.proximity_ohm,
                len(i.samples) // 2,
                i.three_phase,
                i.temperature_mdeg_c,
            )
        )
        parts.append(i.samples if len(i.samples) == width else i.samples.ljust(width, b"\0"))
    return b"".join(parts)


def decode_inputs(message: bytes | memoryview) -> tuple[int, list[Inputs], Panel]:
    """When they were measured (us on CLOCK_MONOTONIC), the EVSEs' and the station's. Raises ``WireError``."""
    try:
        magic, count, samples, at_us, stop, opened = _IN_HEAD.unpack_from(message)
    except error as problem:
        raise WireError(f"inputs of {len(message)} bytes; expected at least {_IN_HEAD.size}") from problem
    wanted = _IN_HEAD.size + count * (_IN_EVSE.size + samples * 2)
    if magic != _IN_MAGIC or len(message) != wanted:
        raise WireError(f"inputs {magic!r}, {len(message)} bytes; expected {_IN_MAGIC!r}, {wanted} bytes")
    inputs: list[Inputs] = []
    place = _IN_HEAD.size
    for _ in range(count):
        evse_id, mirror, rcd, locked, ohm, valid, three, mdeg_c = _IN_EVSE.unpack_from(message, place)
        place += _IN_EVSE.size
        burst = bytes(message[place : place + min(valid, samples) * 2])
        inputs.append(Inputs(evse_id, mirror != 0, rcd != 0, locked != 0, ohm, burst, three != 0, mdeg_c))
        place += samples * 2
    return at_us, inputs, Panel(stop != 0, opened != 0)
