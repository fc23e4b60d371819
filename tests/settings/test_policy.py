from __future__ import annotations

from dataclasses import fields

import pytest

from controller.domain.metering.measurands import Measurand, OnPhase
from controller.domain.policy import Policy
from controller.settings.policy import policy
from tests.settings.support import station


def test_every_field_follows_its_setting() -> None:
    changes = {
        "TxCtrlr.EVConnectionTimeOut": "61",
        "AuthCtrlr.Enabled": "false",
        "AuthCtrlr.AuthorizeRemoteStart": "true",
        "AuthCtrlr.LocalAuthorizeOffline": "false",
        "AuthCtrlr.LocalPreAuthorize": "false",
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        "AuthCacheCtrlr.Enabled": "false",
        "LocalAuthListCtrlr.Enabled": "false",
        "LocalAuthListCtrlr.ItemsPerMessage": "50",
        "ReservationCtrlr.Enabled": "false",
        "ReservationCtrlr.NonEvseSpecific": "false",
        "TxCtrlr.StopTxOnInvalidId": "false",
        "TxCtrlr.MaxEnergyOnInvalidId": "62",
        "TxCtrlr.StopTxOnEVSideDisconnect": "false",
        "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false",
        "TxCtrlr.TxBeforeAcceptedEnabled": "true",
        "JoulepostCtrlr.TxAfterPowerLoss": "Continue",
        "JoulepostCtrlr.ReplugAfterTimeOut": "false",
        "SampledDataCtrlr.TxUpdatedInterval": "63",
        "SampledDataCtrlr.TxUpdatedMeasurands": "Voltage",
        "SampledDataCtrlr.TxStartedMeasurands": "Frequency",
        "SampledDataCtrlr.TxEndedInterval": "64",
        "SampledDataCtrlr.TxEndedMeasurands": "Power.Factor",
        "AlignedDataCtrlr.Interval": "65",
        "AlignedDataCtrlr.Measurands": "Current.Offered",
        "AlignedDataCtrlr.TxEndedInterval": "66",
        "AlignedDataCtrlr.TxEndedMeasurands": "Voltage.L1-N",
        "JoulepostCtrlr.FreeVendToken": "Guest",
        "JoulepostCtrlr.MeterRequired": "false",
        "JoulepostCtrlr.MeterStale": "20",
        "JoulepostCtrlr.PermitLease": "11",
        "SmartChargingCtrlr.Enabled": "false",
        "SmartChargingCtrlr.ProfileStackLevel": "9",
        "SmartChargingCtrlr.RateUnit": "A",
        "SmartChargingCtrlr.PeriodsPerSchedule": "24",
        "JoulepostCtrlr.NominalVoltage": "120",
        "JoulepostCtrlr.OverCurrentPercent": "11",
        "JoulepostCtrlr.OverCurrentMargin": "600",
        "JoulepostCtrlr.OverCurrentTime": "8",
        "JoulepostCtrlr.OverCurrentRetries": "4",
        "JoulepostCtrlr.OverVoltagePercent": "112",
        "JoulepostCtrlr.UnderVoltagePercent": "90",
        "JoulepostCtrlr.VoltageTime": "6",
        "JoulepostCtrlr.VoltageRetries": "9",
        "JoulepostCtrlr.ProtectionRestart": "31",
        "JoulepostCtrlr.RandomDelayMaximum": "600",
        "JoulepostCtrlr.ContactorRatedOperations": "200000",
        "JoulepostCtrlr.ContactorRatedUnderLoad": "20000",
        "JoulepostCtrlr.UnsignedFirmware": "false",
        "ClockCtrlr.TimeAdjustmentReportingThreshold": "30",
        "SecurityCtrlr.SecurityProfile": "2",
        "SecurityCtrlr.OrganizationName": "Operator",
        "SecurityCtrlr.MaxCertificateChainSize": "5000",
        "SecurityCtrlr.AdditionalRootCertificateCheck": "true",
        "SecurityCtrlr.CertSigningWaitMinimum": "30",
        "SecurityCtrlr.CertSigningRepeatTimes": "3",
    }
    assert policy(station(initial=changes)) == Policy(
        61, False, True, False, False, True, False, False, 10_000, 50, False, False, False, 62, False,
        False, True, True, False,
        63, (Measurand.VOLTAGE,), (Measurand.FREQUENCY,), 64, (Measurand.POWER_FACTOR,),
        65, (Measurand.CURRENT_OFFERED,), 66, (OnPhase(Measurand.VOLTAGE, "L1-N"),),
        "Guest", False, 20, 11, False, 9, ("A",), 24, 200, 120,
        11, 600, 8, 4, 112, 90, 6, 9, 31, 600, 200_000, 20_000, False,
        30, 2, "Operator", "S1", 5000, 32, True, 30, 3,
    )  # fmt: skip
    defaults, changed = policy(station()), policy(station(initial=changes))
    same = [
        field.name
        for field in fields(Policy)
        if getattr(defaults, field.name) == getattr(changed, field.name)
    ]
    assert same == [
        "local_list_entries", "profiles_max",  # what this program can hold, nobody sets
        "station_serial", "certificate_store_max",
    ]  # fmt: skip


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_16_SEC_41_with_tls_firmware_has_to_be_signed_whatever_the_setting_says(profile: int) -> None:
    settings = station(initial={"SecurityProfile": str(profile)})
    assert policy(settings).unsigned_firmware is (profile < 2)
