"""Permit and Report as bytes: one ``SOCK_SEQPACKET`` message each, whole and idempotent.

Owns: the layout. Refuses to know: sockets, time, what a permit means.

Little-endian, fixed length, a version byte, a kind byte, CRC-32 over all that precedes it. A message that
is not exactly that is no message: ``WireError``, which the safety process counts and ignores. Messages are
told apart by EVSE, not by order: the latest wins, a lost one is healed by the next.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError
from zlib import crc32

from controller.safety.contactor import Trend
from controller.safety.inhibits import Inhibit
from controller.safety.permit import LockWish, Permit
from controller.safety.pilot import HIGHEST_OFFER_MA, Pilot
from controller.safety.report import Report

VERSION = 2
LARGEST = 512
"""Receive buffer that shows every too long message as too long."""

_PERMIT, _REPORT = 1, 2
_CRC = Struct("<I")
_INHIBIT_SLOTS = 24
# version, kind, evse_id, plug_no, limit_ma, expires_at_ms, phases, lock, unavailable, reset_faults
_PERMIT_BODY = Struct("<BBHqiqBBBI")
# version, kind, evse_id, seq, at_ms, plug_no, pilot, pwm, high_mv, low_mv, duty_pm, offered_ma, rating_ma,
# cable_ma, commanded, mirror, locked, permit_held, operations, openings_under_load, overruns,
# worst_lateness_us, close_took_ms, open_took_ms, wake_ups, simplified_ma, inhibit mask, since-when of each,
# counting_since_ms, trend of closing (lowest, mean, highest, travels) and of opening, residual_trips,
# residual_retry_at_ms, worst_detection_us, temperature_limit_ma, hottest_mdeg_c, sensors_lost, phases
_REPORT_BODY = Struct(f"<BBHqqqBBiiiiiiBBBBIIIIiiIiI{_INHIBIT_SLOTS}qqiiiiiiiiIqIiiBB")
PERMIT_BYTES = _PERMIT_BODY.size + _CRC.size
REPORT_BYTES = _REPORT_BODY.size + _CRC.size

_LETTERS = tuple(pilot.name for pilot in Pilot)
_UNKNOWN = 2
_ABSENT = -1
_NO_TEMPERATURE = -(1 << 31)
_NO_TREND = (0, 0, 0, 0)
_LONGEST_INSTANT_MS = 1 << 53
_U32 = 0xFFFF_FFFF


class WireError(ValueError):
    """These bytes are not the message they should be. The message says what was found and expected."""


def encode_permit(permit: Permit) -> bytes:
    """Raises ``WireError`` when a field is out of its range: a sender's mistake is found at the sender."""
    _check_permit(permit)
    return _seal(
        _PERMIT_BODY.pack(
            VERSION,
            _PERMIT,
            permit.evse_id,
            permit.plug_no,
            permit.limit_ma,
            permit.expires_at_ms,
            permit.phases,
            permit.lock,
            permit.unavailable,
            permit.reset_faults,
        )
    )


def decode_permit(message: bytes) -> Permit:
    """Raises ``WireError`` for anything but a well-formed permit."""
    body = _open(message, PERMIT_BYTES, _PERMIT)
    _, _, evse_id, plug_no, limit_ma, expires_at_ms, *rest = _PERMIT_BODY.unpack(body)
    phases, lock, unavailable, resets = rest
    if lock > LockWish.UNLOCKED or unavailable > 1:
        raise WireError(f"permit: found lock {lock}, unavailable {unavailable}, expected 0..2 and 0..1")
    wish = LockWish(lock)
    permit = Permit(evse_id, plug_no, limit_ma, expires_at_ms, phases, wish, bool(unavailable), resets)
    _check_permit(permit)
    return permit


def _check_permit(permit: Permit) -> None:
    for name, value, low, high in (
        ("evse_id", permit.evse_id, 1, 0xFFFF),
        ("plug_no", permit.plug_no, 0, _LONGEST_INSTANT_MS),
        ("limit_ma", permit.limit_ma, 0, HIGHEST_OFFER_MA),
        ("expires_at_ms", permit.expires_at_ms, 0, _LONGEST_INSTANT_MS),
        ("reset_faults", permit.reset_faults, 0, _U32),
    ):
        if not low <= value <= high:
            raise WireError(f"permit {name}: found {value}, expected {low}..{high}")
    if permit.phases not in (1, 3):
        raise WireError(f"permit phases: found {permit.phases}, expected 1 or 3")


def encode_report(report: Report) -> bytes:
    """Raises ``WireError`` when a field does not fit its place."""
    since = [0] * _INHIBIT_SLOTS
    mask = 0
    for inhibit, since_ms in report.inhibits.items():
        mask |= 1 << inhibit
        since[inhibit] = since_ms
    try:
        body = _REPORT_BODY.pack(
            VERSION,
            _REPORT,
            report.evse_id,
            report.seq,
            report.at_ms,
            report.plug_no,
            _LETTERS.index(report.pilot),
            report.pwm,
            report.high_mv,
            report.low_mv,
            report.duty_pm,
            report.offered_ma,
            report.rating_ma,
            _ABSENT if report.cable_ma is None else report.cable_ma,
            report.contactor_commanded,
            _UNKNOWN if report.mirror_closed is None else report.mirror_closed,
            _UNKNOWN if report.locked is None else report.locked,
            report.permit_held,
            report.operations & _U32,
            report.openings_under_load & _U32,
            report.overruns & _U32,
            min(report.worst_lateness_us, _U32),
            _ABSENT if report.close_took_ms is None else report.close_took_ms,
            _ABSENT if report.open_took_ms is None else report.open_took_ms,
            report.wake_ups & _U32,
            _ABSENT if report.simplified_ma is None else report.simplified_ma,
            mask,
            *since,
            report.counting_since_ms,
            *(report.close_trend_ms or _NO_TREND),
            *(report.open_trend_ms or _NO_TREND),
            report.residual_trips & _U32,
            _ABSENT if report.residual_retry_at_ms is None else report.residual_retry_at_ms,
            min(report.worst_detection_us, _U32),
            _ABSENT if report.temperature_limit_ma is None else report.temperature_limit_ma,
            _NO_TEMPERATURE if report.hottest_mdeg_c is None else report.hottest_mdeg_c,
            report.sensors_lost,
            report.phases,
        )
    except (StructError, ValueError) as error:
        raise WireError(f"report of EVSE {report.evse_id} does not fit its layout: {error}") from error
    return _seal(body)


def decode_report(message: bytes) -> Report:
    """Raises ``WireError`` for anything but a well-formed report."""
    fields = _REPORT_BODY.unpack(_open(message, REPORT_BYTES, _REPORT))
    _, _, evse_id, seq, at_ms, plug_no, pilot, pwm, high_mv, low_mv, duty_pm, offered_ma, *rest = fields
    rating_ma, cable_ma, commanded, mirror, locked, held, operations, under_load, *rest = rest
    overruns, lateness, close_ms, open_ms, wake_ups, simplified_ma, mask, *rest = rest
    since, counting_since_ms, *rest = rest[:_INHIBIT_SLOTS], *rest[_INHIBIT_SLOTS:]
    close_trend, open_trend, trips, retry_at_ms, detection, *rest = rest[:4], rest[4:8], *rest[8:]
    warm_ma, hottest, sensors_lost, phases = rest
    flags = (pwm, commanded, held, mirror, locked)
    if pilot >= len(_LETTERS) or mask >> len(Inhibit) or max(flags[:3]) > 1 or max(flags[3:]) > _UNKNOWN:
        raise WireError(
            f"report of EVSE {evse_id}: found pilot {pilot}, flags {flags}, inhibits {mask:#x}, "
            f"expected 0..5, flags 0..1 (three) and 0..2 (two), {len(Inhibit)} known inhibits"
        )
    return Report(
        evse_id=evse_id,
        seq=seq,
        at_ms=at_ms,
        pilot=_LETTERS[pilot],
        pwm=bool(pwm),
        plug_no=plug_no,
        high_mv=high_mv,
        low_mv=low_mv,
        duty_pm=duty_pm,
        offered_ma=offered_ma,
        contactor_commanded=bool(commanded),
        mirror_closed=None if mirror == _UNKNOWN else bool(mirror),
        rating_ma=rating_ma,
        cable_ma=None if cable_ma == _ABSENT else cable_ma,
        locked=None if locked == _UNKNOWN else bool(locked),
        permit_held=bool(held),
        inhibits={inhibit: since[inhibit] for inhibit in Inhibit if mask >> inhibit & 1},
        operations=operations,
        openings_under_load=under_load,
        overruns=overruns,
        worst_lateness_us=lateness,
        close_took_ms=None if close_ms == _ABSENT else close_ms,
        open_took_ms=None if open_ms == _ABSENT else open_ms,
        wake_ups=wake_ups,
        simplified_ma=None if simplified_ma == _ABSENT else simplified_ma,
        counting_since_ms=counting_since_ms,
        close_trend_ms=Trend(*close_trend) if close_trend[3] else None,
        open_trend_ms=Trend(*open_trend) if open_trend[3] else None,
        residual_trips=trips,
        residual_retry_at_ms=None if retry_at_ms == _ABSENT else retry_at_ms,
        worst_detection_us=detection,
        temperature_limit_ma=None if warm_ma == _ABSENT else warm_ma,
        hottest_mdeg_c=None if hottest == _NO_TEMPERATURE else hottest,
        sensors_lost=sensors_lost,
        phases=phases,
    )


def _seal(body: bytes) -> bytes:
    return body + _CRC.pack(crc32(body))


def _open(message: bytes, length: int, kind: int) -> bytes:
    if len(message) != length:
        raise WireError(f"message: found {len(message)} bytes, expected {length}")
    body = message[: -_CRC.size]
    found, expected = _CRC.unpack(message[-_CRC.size :])[0], crc32(body)
    if found != expected:
        raise WireError(f"message: found checksum {found:#010x}, expected {expected:#010x}")
    if body[0] != VERSION or body[1] != kind:
        raise WireError(
            f"message: found version {body[0]} kind {body[1]}, expected version {VERSION} kind {kind}"
        )
    return body
