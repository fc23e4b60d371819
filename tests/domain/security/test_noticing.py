"""The security block: what becomes a security event, how many of them, and who is told."""

from __future__ import annotations

import pytest

from controller.domain.events import SecurityEvent
from controller.domain.inputs import SecurityNoticed, Tick
from controller.domain.security.events import SECURITY_EVENTS, name_in_16
from controller.domain.security.noticing import BURST
from tests.domain.conftest import Hand

CRITICAL_16 = {
    "FirmwareUpdated",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
}


def types(hand: Hand) -> list[str]:
    return [event.type for event in hand.of(SecurityEvent)]  # type: ignore[attr-defined]


def test_16_SEC_27_the_eighteen_types_of_the_white_paper_and_which_are_critical() -> None:
    assert len(SECURITY_EVENTS) == 18
    assert {name for name, kind in SECURITY_EVENTS.items() if kind.critical16} == CRITICAL_16
    assert {name for name, kind in SECURITY_EVENTS.items() if not kind.critical201} == {
        "FailedToAuthenticateAtCsms",
        "CsmsFailedToAuthenticate",
        "ReconfigurationOfSecurityParameters",
        "InvalidMessages",
        "AttemptedReplayAttacks",
    }
    assert all(1 <= len(kind.name) <= 50 and len(kind.in16) <= 50 for kind in SECURITY_EVENTS.values())
    assert name_in_16("InvalidCsmsCertificate") == "InvalidCentralSystemCertificate"
    assert name_in_16("StartupOfTheDevice") == "StartupOfTheDevice"
    assert name_in_16("VendorSpecific") == "VendorSpecific"


@pytest.mark.parametrize("name", SECURITY_EVENTS)
def test_16_SEC_26_every_type_becomes_an_event_of_the_journal(hand: Hand, name: str) -> None:
    hand.give(SecurityNoticed(name, "why"))
    assert hand.of(SecurityEvent) == [SecurityEvent(name, "why", hand.utc_ms)]


def test_16_SEC_27_a_start_after_a_power_up_and_after_a_reset(hand: Hand) -> None:
    assert [
        event.type
        for event in hand.station.start("1.0", "PowerUp", hand.now).events
        if isinstance(event, SecurityEvent)
    ] == ["StartupOfTheDevice"]
    events = [
        event
        for event in hand.station.start("1.0", "RemoteReset", hand.now).events
        if isinstance(event, SecurityEvent)
    ]
    assert [event.type for event in events] == ["ResetOrReboot", "StartupOfTheDevice"]
    assert "RemoteReset" in events[0].info and "1.0" in events[1].info


def test_16_SEC_27_the_enclosure_is_one_tamper_event_each_time_it_opens() -> None:
    hand = Hand(evses=2)
    for _ in range(2):
        for evse_id in (1, 2):
            hand.facts("A", evse_id=evse_id)
        for evse_id in (1, 2):
            hand.facts("A", evse_id=evse_id, inhibits=(("enclosure-open", hand.mono_ms),))
            hand.facts("A", evse_id=evse_id, inhibits=(("enclosure-open", hand.mono_ms),))
        hand.sleep(5)
        for evse_id in (1, 2):
            hand.facts("A", evse_id=evse_id)
        hand.sleep(5)
    assert types(hand) == ["TamperDetectionActivated"] * 2


def test_an_enclosure_that_stays_open_over_a_restart_is_no_second_event() -> None:
    hand = Hand()
    hand.facts("A", inhibits=(("enclosure-open", hand.mono_ms),))
    hand.station.start("1.0", "ApplicationReset", hand.now)
    hand.facts("A", inhibits=(("enclosure-open", hand.mono_ms),))
    assert types(hand) == ["TamperDetectionActivated"]


def test_a_storm_of_one_type_is_bounded_and_nothing_goes_unsaid(hand: Hand) -> None:
    for number in range(1000):
        hand.give(SecurityNoticed("InvalidMessages", f"number {number}"))
    hand.give(SecurityNoticed("SettingSystemTime", "another type is not held back"))
    assert types(hand) == ["InvalidMessages"] * BURST + ["SettingSystemTime"]
    assert hand.station.security.next_deadline_ms() == hand.mono_ms + 60_000
    hand.sleep(61)
    told = hand.of(SecurityEvent)[BURST + 1 :]
    assert [event.info for event in told] == ["990 more; the last: number 999"]  # type: ignore[attr-defined]
    hand.sleep(600)
    assert len(types(hand)) == BURST + 2, "nothing was held back any more"
    for number in range(20):
        hand.give(SecurityNoticed("InvalidMessages", f"again {number}"))
    assert len(types(hand)) == 2 * BURST + 2, "after ten quiet minutes they are recorded as they come again"


def test_a_day_of_misbehaviour_is_one_event_a_minute(hand: Hand) -> None:
    for _ in range(24 * 60 * 6):
        hand.give(SecurityNoticed("InvalidMessages", "x" * 1000))
        hand.mono_ms += 10_000
        hand.utc_ms += 10_000
        hand.give(Tick())
    assert len(types(hand)) <= 24 * 60 + BURST
    assert all(len(event.info) <= 255 for event in hand.of(SecurityEvent))  # type: ignore[attr-defined]
