from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.contactor import Trend
from controller.safety.inhibits import Inhibit
from controller.safety.permit import LockWish, Permit
from controller.safety.report import Report
from controller.safety.wire import (
    PERMIT_BYTES,
    REPORT_BYTES,
    WireError,
    decode_permit,
    decode_report,
    encode_permit,
    encode_report,
)

PERMIT = Permit(2, 123_456_789, 16_000, 987_654_321, 1, LockWish.LOCKED, True, 7)
REPORT = Report(
    evse_id=2,
    seq=99,
    at_ms=1_000_000,
    pilot="C",
    pwm=True,
    plug_no=123_456_789,
    high_mv=5_990,
    low_mv=-12_010,
    duty_pm=266,
    offered_ma=15_960,
    contactor_commanded=True,
    mirror_closed=None,
    rating_ma=32_000,
    cable_ma=None,
    locked=False,
    permit_held=True,
    inhibits={Inhibit.STARTING: 5, Inhibit.LOOP_LATE: 10**12},
    operations=3,
    openings_under_load=1,
    overruns=4,
    worst_lateness_us=1234,
    close_took_ms=30,
    open_took_ms=None,
    counting_since_ms=777_000,
    close_trend_ms=Trend(20, 25, 30, 16),
    residual_trips=2,
    residual_retry_at_ms=10**12,
    worst_detection_us=20_100,
    temperature_limit_ma=16_000,
    hottest_mdeg_c=-5_250,
    sensors_lost=2,
    phases=1,
)

permits = st.builds(
    Permit,
    evse_id=st.integers(1, 65_535),
    plug_no=st.integers(0, 1 << 53),
    limit_ma=st.integers(0, 80_000),
    expires_at_ms=st.integers(0, 1 << 53),
    phases=st.sampled_from([1, 3]),
    lock=st.sampled_from(LockWish),
    unavailable=st.booleans(),
    reset_faults=st.integers(0, 2**32 - 1),
)
maybe_bool = st.sampled_from([None, True, False])
counts = st.integers(0, 2**32 - 1)
travel_ms = st.integers(0, 1_000)
trends = st.none() | st.builds(Trend, travel_ms, travel_ms, travel_ms, st.integers(1, 16))
reports = st.builds(
    Report,
    evse_id=st.integers(1, 65_535),
    seq=st.integers(0, 1 << 60),
    at_ms=st.integers(0, 1 << 60),
    pilot=st.sampled_from("ABCDEF"),
    pwm=st.booleans(),
    plug_no=st.integers(0, 1 << 53),
    high_mv=st.integers(-20_000, 20_000),
    low_mv=st.integers(-20_000, 20_000),
    duty_pm=st.integers(0, 1000),
    offered_ma=st.integers(0, 80_000),
    contactor_commanded=st.booleans(),
    mirror_closed=maybe_bool,
    rating_ma=st.integers(6_000, 80_000),
    cable_ma=st.none() | st.integers(0, 80_000),
    locked=maybe_bool,
    permit_held=st.booleans(),
    inhibits=st.dictionaries(st.sampled_from(Inhibit), st.integers(0, 1 << 60)),
    operations=counts,
    openings_under_load=counts,
    wake_ups=counts,
    simplified_ma=st.none() | st.integers(6_000, 80_000),
    overruns=counts,
    worst_lateness_us=counts,
    close_took_ms=st.none() | st.integers(0, 10_000),
    open_took_ms=st.none() | st.integers(0, 10_000),
    counting_since_ms=st.integers(0, 1 << 53),
    close_trend_ms=trends,
    open_trend_ms=trends,
    residual_trips=counts,
    residual_retry_at_ms=st.none() | st.integers(0, 1 << 53),
    worst_detection_us=counts,
    temperature_limit_ma=st.none() | st.integers(0, 80_000),
    hottest_mdeg_c=st.none() | st.integers(-60_000, 200_000),
    sensors_lost=st.integers(0, 4),
    phases=st.sampled_from([1, 3]),
)


@given(permits)
def test_permits_survive_the_wire(permit: Permit) -> None:
    assert decode_permit(encode_permit(permit)) == permit


@given(reports)
def test_reports_survive_the_wire(report: Report) -> None:
    assert decode_report(encode_report(report)) == report


def test_every_field_is_on_the_wire() -> None:
    """A field added to a contract and forgotten here would come back as its default."""
    back = decode_permit(encode_permit(PERMIT))
    assert all(getattr(back, item.name) == getattr(PERMIT, item.name) for item in fields(Permit))
    told = decode_report(encode_report(REPORT))
    assert all(getattr(told, item.name) == getattr(REPORT, item.name) for item in fields(Report))


def test_the_layout_is_fixed() -> None:
    assert (PERMIT_BYTES, REPORT_BYTES) == (35, 356)
    assert encode_permit(PERMIT).hex() == (
        "0201020015cd5b0700000000803e0000b168de3a000000000101010700000011d7690e"
    )


@given(st.binary(max_size=400))
def test_noise_is_no_message(noise: bytes) -> None:
    for decode in (decode_permit, decode_report):
        with pytest.raises(WireError, match=r"found .* expected"):
            decode(noise)


@pytest.mark.parametrize("message", [encode_permit(PERMIT), encode_report(REPORT)], ids=["permit", "report"])
def test_every_flipped_bit_and_every_cut_is_found(message: bytes) -> None:
    decode = decode_permit if len(message) == PERMIT_BYTES else decode_report
    for bit in range(len(message) * 8):
        broken = bytearray(message)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            decode(bytes(broken))
    for length in range(len(message)):
        with pytest.raises(WireError):
            decode(message[:length])
    with pytest.raises(WireError):
        decode(message + b"\0")


def sealed(message: bytes, at: int, value: int) -> bytes:
    """The message with one byte replaced and a checksum that fits again."""
    from zlib import crc32

    body = bytearray(message[:-4])
    body[at] = value
    return bytes(body) + crc32(bytes(body)).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 1), (1, 2), (15, 0xFF), (24, 0), (24, 2), (25, 3), (26, 2)],
    ids=["version", "kind", "limit negative", "phases 0", "phases 2", "lock 3", "unavailable 2"],
)
def test_a_permit_with_an_impossible_field_is_refused(at: int, value: int) -> None:
    message = encode_permit(PERMIT)
    assert decode_permit(sealed(message, at, message[at])) == PERMIT
    with pytest.raises(WireError, match=r"found .* expected"):
        decode_permit(sealed(message, at, value))


@given(st.integers(0, REPORT_BYTES - 5), st.integers(0, 255))
def test_a_report_with_a_right_checksum_decodes_or_is_refused(at: int, value: int) -> None:
    try:
        decode_report(sealed(encode_report(REPORT), at, value))
    except WireError:
        pass


@given(st.integers(0, PERMIT_BYTES - 5), st.integers(0, 255))
def test_a_permit_with_a_right_checksum_is_in_range_or_refused(at: int, value: int) -> None:
    try:
        permit = decode_permit(sealed(encode_permit(PERMIT), at, value))
    except WireError:
        return
    assert 0 <= permit.limit_ma <= 80_000 and permit.evse_id >= 1 and permit.expires_at_ms >= 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"evse_id": 0},
        {"limit_ma": -1},
        {"limit_ma": 80_001},
        {"plug_no": -1},
        {"expires_at_ms": -1},
        {"phases": 2},
        {"reset_faults": -1},
    ],
)
def test_a_senders_mistake_is_found_at_the_sender(wrong: dict[str, int]) -> None:
    with pytest.raises(WireError, match=f"permit {next(iter(wrong))}: found"):
        encode_permit(replace(PERMIT, **wrong))  # type: ignore[arg-type]


def test_a_report_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match="EVSE 2"):
        encode_report(replace(REPORT, high_mv=1 << 40))
    with pytest.raises(WireError, match="EVSE 2"):
        encode_report(replace(REPORT, pilot="Z"))
