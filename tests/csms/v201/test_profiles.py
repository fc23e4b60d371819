from __future__ import annotations

from typing import Any

import pytest

from controller.csms.v201.profiles import parse_filter, parse_profile
from controller.csms.wire import Unacceptable
from controller.domain.charging.profiles import ProfileFilter, ProfileKind, ProfilePurpose
from tests.csms.rig import T0_MS

SCHEDULE = {
    "id": 9,
    "chargingRateUnit": "A",
    "startSchedule": "2026-01-01T00:00:00Z",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
}
RELATIVE = {key: value for key, value in SCHEDULE.items() if key != "startSchedule"}


def profile(**changes: Any) -> dict[str, Any]:
    plain = {
        "id": 3,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [SCHEDULE],
    }
    return {**plain, **changes}


def test_an_absolute_profile() -> None:
    one = parse_profile(profile(validFrom="2026-01-01T00:00:00Z"), 0)
    assert (one.id, one.stack_level, one.purpose, one.kind, one.valid_from_ms) == (
        3,
        1,
        ProfilePurpose.TX_DEFAULT,
        ProfileKind.ABSOLUTE,
        T0_MS,
    )
    assert (one.schedule.id, one.schedule.starts_at_ms) == (9, T0_MS)


def test_relative_and_recurring_profiles() -> None:
    relative = parse_profile(profile(chargingProfileKind="Relative", chargingSchedule=[RELATIVE]), 1)
    assert relative.schedule.starts_at_ms is None
    weekly = parse_profile(profile(chargingProfileKind="Recurring", recurrencyKind="Weekly"), 1)
    assert weekly.recurrency == "Weekly"


@pytest.mark.parametrize(
    ("evse_id", "changes"),
    [
        pytest.param(0, {"chargingProfilePurpose": "ChargingStationExternalConstraints"}, id="K01_FR_22"),
        pytest.param(0, {"chargingProfilePurpose": "PriorityCharging"}, id="2_1_K01_FR_120"),
        pytest.param(1, {"chargingProfileKind": "Dynamic"}, id="2_1_K01_FR_121"),
        pytest.param(1, {"chargingProfilePurpose": "TxProfile"}, id="K01_FR_03"),
        pytest.param(0, {"chargingProfilePurpose": "TxProfile", "transactionId": "t"}, id="K01_FR_16"),
        pytest.param(1, {"chargingProfilePurpose": "ChargingStationMaxProfile"}, id="max on an EVSE"),
        pytest.param(
            0,
            {
                "chargingProfilePurpose": "ChargingStationMaxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": [RELATIVE],
            },
            id="K01_FR_38",
        ),
        pytest.param(1, {"chargingSchedule": [SCHEDULE, SCHEDULE]}, id="K01_FR_34"),
        pytest.param(1, {"chargingSchedule": [RELATIVE]}, id="K01_FR_40"),
        pytest.param(1, {"chargingProfileKind": "Relative"}, id="K01_FR_41"),
        pytest.param(1, {"chargingProfileKind": "Recurring"}, id="no recurrencyKind"),
        pytest.param(1, {"stackLevel": -1}, id="stack level"),
        pytest.param(1, {"maxOfflineDuration": 60}, id="2_1 field of the profile"),
        pytest.param(1, {"chargingSchedule": [{**SCHEDULE, "useLocalTime": True}]}, id="2_1_K01_FR_123"),
        pytest.param(None, {}, id="F01_FR_09"),
        pytest.param(None, {"chargingProfilePurpose": "TxProfile", "transactionId": "t"}, id="F01_FR_11"),
    ],
)
def test_what_is_not_done_here_is_refused(evse_id: int | None, changes: dict[str, Any]) -> None:
    with pytest.raises(Unacceptable) as refused:
        parse_profile(profile(**changes), evse_id)
    assert len(refused.value.reason) <= 20


def test_F01_FR_08_the_profile_of_a_remote_start() -> None:
    assert parse_profile(profile(chargingProfilePurpose="TxProfile"), None).transaction_id is None


def test_K10_filters() -> None:
    assert parse_filter({"chargingProfileId": 0, "chargingProfileCriteria": {"evseId": 1}}) == ProfileFilter(
        id=0
    )
    criteria = {"evseId": 1, "chargingProfilePurpose": "TxProfile", "stackLevel": 2}
    assert parse_filter({"chargingProfileCriteria": criteria}) == ProfileFilter(None, 1, ProfilePurpose.TX, 2)
    with pytest.raises(Unacceptable):
        parse_filter({"chargingProfileCriteria": {"chargingProfilePurpose": "LocalGeneration"}})
