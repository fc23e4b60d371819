from __future__ import annotations

from controller.csms.registration import OWN_INTERVAL_S, Registration
from controller.csms.version import BootAnswer, Registered

ACCEPTED = BootAnswer(Registered.ACCEPTED, 300, None)
PENDING = BootAnswer(Registered.PENDING, 20, None)
NOW_MS = 5_000


def test_16_CORE_01_the_first_boot_goes_out_at_once() -> None:
    new = Registration()
    assert new.needs_boot("ocpp1.6")
    assert new.wait_ms(NOW_MS) == 0
    assert not new.accepted


def test_16_CONN_18_a_mere_reconnection_needs_no_boot() -> None:
    accepted = Registration().answered(ACCEPTED, "ocpp1.6", NOW_MS)
    assert accepted.accepted
    assert not accepted.needs_boot("ocpp1.6")
    assert accepted.needs_boot("ocpp2.0.1"), "the CSMS picked another version"


def test_16_CORE_04_B02_FR_08_not_accepted_waits_the_interval() -> None:
    pending = Registration().answered(PENDING, "ocpp2.0.1", NOW_MS)
    assert pending.needs_boot("ocpp2.0.1")
    assert pending.wait_ms(NOW_MS) == 20_000
    assert pending.wait_ms(NOW_MS + 19_999) == 1
    assert pending.wait_ms(NOW_MS + 30_000) == 0


def test_B02_FR_07_B03_FR_05_interval_0_means_our_own() -> None:
    for interval_s in (0, -1):
        answer = BootAnswer(Registered.REJECTED, interval_s, None)
        assert Registration().answered(answer, "ocpp1.6", NOW_MS).wait_ms(NOW_MS) == OWN_INTERVAL_S * 1000


def test_16_CORE_08_B02_FR_04_a_trigger_ends_the_wait_once() -> None:
    triggered = Registration().answered(PENDING, "ocpp1.6", NOW_MS).boot_triggered()
    assert triggered.wait_ms(NOW_MS) == 0
    again = triggered.answered(PENDING, "ocpp1.6", NOW_MS)
    assert again.wait_ms(NOW_MS) == 20_000
    assert not again.triggered


def test_16_CONN_23_a_callerror_keeps_the_status_and_waits() -> None:
    pending = Registration().answered(PENDING, "ocpp1.6", NOW_MS).boot_triggered().failed(NOW_MS)
    assert pending.status is Registered.PENDING
    assert pending.wait_ms(NOW_MS) == OWN_INTERVAL_S * 1000
