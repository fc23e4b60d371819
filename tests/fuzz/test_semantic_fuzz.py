"""Requests that are right by their schema and mean something absurd: extreme numbers, dates, lengths.

The schema fuzz (``test_station_fuzz``) breaks fields; here every frame is valid JSON of the right shape and
reaches the domain. Whatever it means, it is answered, the books stay right over restarts, and a car charges
on.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from controller.domain.station import Station, replay
from tests.fuzz.test_station_fuzz import RPC_CODES
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms
from tests.support.house import NO_TOKENS
from tests.support.virtual_time import run_virtual

ROUNDS = 120
WHOLE = (0, 1, 2, 59, 60, 86_399, 86_400, 604_800, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 10**18, -1, -(2**31))
LIMITS = (0, 0.1, 5.9, 6, 16, 16.1, 32, 1e3, 1e6, 2147483647.0, 1e9, 1e15, 1e18, -1.0, 99999999.9)
DATES = (
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-03-29T01:59:59+01:00",
    "2038-01-19T03:14:08Z",
    "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00.000000001Z",
    "2025-12-31T23:59:59-14:00",
)
NOWHERE = "http://127.0.0.1:1/x"


class Absurd:
    """Requests drawn from the extremes."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.pick = self._rng.choice

    def maybe(self, chance: float, **members: Any) -> dict[str, Any]:
        return members if self._rng.random() < chance else {}

    def profile(self) -> dict[str, Any]:
        pick = self.pick
        starts = [pick(WHOLE) for _ in range(pick((1, 2, 24, 100)))]
        if pick((True, True, True, False)):
            starts = sorted({0, *(abs(one) for one in starts)})
        periods = [
            {
                "startPeriod": one,
                "limit": pick(LIMITS),
                **self.maybe(0.4, numberPhases=pick((0, 1, 3, 4, 2**31))),
            }
            for one in starts
        ]
        return {
            "chargingProfileId": pick((1, 2, 3, 2**31 - 1, -5)),
            "stackLevel": pick((0, 1, 99, 2**31)),
            "chargingProfilePurpose": pick(("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")),
            "chargingProfileKind": pick(("Absolute", "Recurring", "Relative")),
            "chargingSchedule": {
                "chargingRateUnit": pick("AW"),
                "chargingSchedulePeriod": periods,
                **self.maybe(0.6, startSchedule=pick(DATES)),
                **self.maybe(0.5, duration=pick(WHOLE)),
                **self.maybe(0.3, minChargingRate=pick(LIMITS)),
            },
            **self.maybe(0.4, recurrencyKind=pick(("Daily", "Weekly"))),
            **self.maybe(0.3, validFrom=pick(DATES)),
            **self.maybe(0.3, validTo=pick(DATES)),
            **self.maybe(0.3, transactionId=pick(WHOLE)),
        }

    def entries(self) -> list[dict[str, Any]]:
        info = {
            "status": self.pick(("Accepted", "Blocked")),
            "expiryDate": self.pick(DATES),
            "parentIdTag": "P",
        }
        count = self.pick((0, 1, 100, 2_000))  # 2,000 are almost the largest frame there may be
        return [{"idTag": f"T{one}", **({} if one % 7 == 3 else {"idTagInfo": info})} for one in range(count)]

    def request(self) -> tuple[str, dict[str, Any]]:
        pick = self.pick
        makers = {
            "SetChargingProfile": lambda: {
                "connectorId": pick((0, 1, 2, 3)),
                "csChargingProfiles": self.profile(),
            },
            "GetCompositeSchedule": lambda: {
                "connectorId": pick((0, 1, 2)),
                "duration": pick(WHOLE),
                **self.maybe(0.5, chargingRateUnit=pick("AW")),
            },
            "ClearChargingProfile": lambda: self.maybe(0.5, id=pick(WHOLE)),
            "RemoteStartTransaction": lambda: {
                "idTag": "A", "connectorId": pick((1, 2)), "chargingProfile": self.profile()
            },
            "ReserveNow": lambda: {
                "connectorId": pick((0, 1, 2)),
                "expiryDate": pick(DATES),
                "idTag": pick(("A", "\x00", "'; DROP", "é" * 10, "\u202e")),
                "reservationId": pick(WHOLE),
            },
            "CancelReservation": lambda: {"reservationId": pick(WHOLE)},
            "SendLocalList": lambda: {
                "listVersion": pick(WHOLE),
                "updateType": pick(("Full", "Differential")),
                "localAuthorizationList": self.entries(),
            },
            "GetLog": lambda: {
                "logType": pick(("DiagnosticsLog", "SecurityLog")),
                "requestId": pick(WHOLE),
                "retries": pick(WHOLE),
                "retryInterval": pick(WHOLE),
                "log": {
                    "remoteLocation": NOWHERE,
                    "oldestTimestamp": pick(DATES),
                    "latestTimestamp": pick(DATES),
                },
            },
            "UpdateFirmware": lambda: {
                "location": NOWHERE,
                "retrieveDate": pick(DATES),
                "retries": pick(WHOLE),
                "retryInterval": pick(WHOLE),
            },
            "ChangeConfiguration": lambda: {
                "key": pick(("HeartbeatInterval", "MeterValueSampleInterval", "WebSocketPingInterval")),
                "value": str(pick(WHOLE)),
            },
        }  # fmt: skip
        # Profiles and what is asked of them are half of it.
        action = pick((*makers, *["SetChargingProfile"] * 6, *["GetCompositeSchedule"] * 3))
        return action, makers[action]()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_valid_request_means_it_is_answered_and_a_car_charges_on(
    tmp_path: Path, seed: int
) -> None:
    async def main() -> None:
        absurd = Absurd(seed)
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1)
            for number in range(ROUNDS):
                action, payload = absurd.request()
                try:
                    await csms.call(action, payload)
                except CallError as error:
                    assert error.code in RPC_CODES, (action, payload, error)
                if number % 40 == 39:
                    await cabin.restart()
                    await cabin.online()
            station = cabin.station
            assert station.evses[1].transaction is not None, "no request ended it"
            specs = [evse.spec for evse in station.evses.values()]
            copy = Station(specs, station.policy, NO_TOKENS, lambda: "never")
            replay(copy, cabin.events())
            assert copy.checkpoint() == station.checkpoint(), "the journal rebuilds it"

    run_virtual(main())
