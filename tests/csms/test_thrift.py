"""The bucket of journal entries."""

from __future__ import annotations

from controller.csms.thrift import BURST, REFILL_MS, Thrift


def test_a_burst_goes_through_and_then_one_entry_in_a_while() -> None:
    thrift, now_ms = Thrift(), 5_000_000
    assert thrift.wait_ms(now_ms) == 0
    thrift.spend(BURST - 1, now_ms)
    assert thrift.wait_ms(now_ms) == 0
    thrift.spend(1, now_ms)
    assert thrift.wait_ms(now_ms) == REFILL_MS
    assert thrift.wait_ms(now_ms + 50) == REFILL_MS - 50
    assert thrift.wait_ms(now_ms + REFILL_MS) == 0


def test_a_request_that_wrote_more_than_was_left_is_waited_for_by_the_next() -> None:
    thrift, now_ms = Thrift(), 5_000_000
    thrift.spend(BURST + 9, now_ms)
    assert thrift.wait_ms(now_ms) == 10 * REFILL_MS
    assert thrift.wait_ms(now_ms + 10 * REFILL_MS) == 0


def test_quiet_time_fills_it_up_and_no_further() -> None:
    thrift, now_ms = Thrift(), 5_000_000
    thrift.spend(BURST, now_ms)
    now_ms += 100 * BURST * REFILL_MS
    assert thrift.wait_ms(now_ms) == 0
    thrift.spend(BURST, now_ms)
    assert thrift.wait_ms(now_ms) == REFILL_MS
