from __future__ import annotations

from typing import Any

import pytest

from controller.csms.v16.profiles import parse_filter, parse_profile
from controller.csms.wire import Unacceptable
from controller.domain.charging.profiles import ProfileFilter, ProfileKind, ProfilePurpose
from tests.csms.rig import T0_MS


def transaction(transaction_id: int) -> str | None:
    return {4711: "tx-1"}.get(transaction_id)


def profile(**changes: Any) -> dict[str, Any]:
    plain = {
        "chargingProfileId": 3,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "startSchedule": "2026-01-01T00:00:00Z",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
        },
    }
    return {**plain, **changes}


def test_an_absolute_profile() -> None:
    one = parse_profile(
        profile(validFrom="2026-01-01T00:00:00Z", validTo="2026-01-01T00:00:01Z"), transaction
    )
    assert (one.id, one.stack_level, one.purpose, one.kind) == (
        3,
        1,
        ProfilePurpose.TX_DEFAULT,
        ProfileKind.ABSOLUTE,
    )
    assert (one.valid_from_ms, one.valid_to_ms) == (T0_MS, T0_MS + 1000)
    assert one.schedule.starts_at_ms == T0_MS


def test_16_SC_05_the_transaction_is_named_in_domain_words() -> None:
    given = profile(chargingProfilePurpose="TxProfile", transactionId=4711)
    assert parse_profile(given, transaction).transaction_id == "tx-1"


def test_errata_3_56_recurrency_counts_for_recurring_only() -> None:
    assert parse_profile(profile(recurrencyKind="Daily"), transaction).recurrency is None
    daily = profile(chargingProfileKind="Recurring", recurrencyKind="Daily")
    assert parse_profile(daily, transaction).recurrency == "Daily"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"chargingProfilePurpose": "TxProfile", "transactionId": 9}, id="16_SC_05"),
        pytest.param({"validTo": "tomorrow"}, id="not a date-time"),
        pytest.param(
            {
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 1, "limit": 10.0}],
                },
            },
            id="16_SC_11 first period after 0",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unacceptable):
        parse_profile(profile(**changes), transaction)


def test_16_SC_05_a_transaction_id_means_nothing_to_another_purpose() -> None:
    """1.6 7.8: "Only valid if ChargingProfilePurpose is set to TxProfile"."""
    assert parse_profile(profile(transactionId=4711), transaction).transaction_id is None


def test_16_SC_27_an_id_makes_the_rest_irrelevant() -> None:
    assert parse_filter({"id": 0, "connectorId": 1, "stackLevel": 2}) == ProfileFilter(id=0)
    assert parse_filter(
        {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile"}
    ) == ProfileFilter(evse_id=0, purpose=ProfilePurpose.STATION_MAX)
    assert parse_filter({}) == ProfileFilter()
