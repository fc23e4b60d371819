from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.settings import catalog as c
from controller.settings.catalog import CATALOG, KEYS_16, VARIABLES, Catalog, CatalogError, Scope, Variable
from controller.settings.kinds import boolean


def test_every_row_of_the_module_is_in_the_catalogue() -> None:
    rows = [value for value in vars(c).values() if isinstance(value, Variable)]
    assert set(rows) == set(VARIABLES)
    assert len(VARIABLES) == len(set(VARIABLES))


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.full_name)
def test_every_default_is_a_value_of_its_own_kind(variable: Variable[Any]) -> None:
    if not variable.computed:
        assert variable.kind.restore(variable.kind.store(variable.default)) == variable.default
    assert variable.about.endswith(".")
    assert "|" not in variable.about


def words(text: str) -> list[str]:
    return text.split()


REQUIRED_201 = words(
    """
    OCPPCommCtrlr.ActiveNetworkProfile OCPPCommCtrlr.MessageTimeout[Default]
    OCPPCommCtrlr.FileTransferProtocols OCPPCommCtrlr.NetworkConfigurationPriority
    OCPPCommCtrlr.NetworkProfileConnectionAttempts OCPPCommCtrlr.OfflineThreshold
    OCPPCommCtrlr.MessageAttempts[TransactionEvent] OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]
    OCPPCommCtrlr.UnlockOnEVSideDisconnect OCPPCommCtrlr.ResetRetries OCPPCommCtrlr.RetryBackOffRepeatTimes
    OCPPCommCtrlr.RetryBackOffRandomRange OCPPCommCtrlr.RetryBackOffWaitMinimum
    OCPPCommCtrlr.WebSocketPingInterval DeviceDataCtrlr.ItemsPerMessage[GetReport]
    DeviceDataCtrlr.ItemsPerMessage[GetVariables] DeviceDataCtrlr.BytesPerMessage[GetReport]
    DeviceDataCtrlr.BytesPerMessage[GetVariables] DeviceDataCtrlr.ItemsPerMessage[SetVariables]
    DeviceDataCtrlr.BytesPerMessage[SetVariables] ClockCtrlr.DateTime ClockCtrlr.TimeSource
    SecurityCtrlr.OrganizationName SecurityCtrlr.CertificateEntries SecurityCtrlr.SecurityProfile
    AuthCtrlr.AuthorizeRemoteStart AuthCtrlr.LocalAuthorizeOffline AuthCtrlr.LocalPreAuthorize
    TxCtrlr.EVConnectionTimeOut TxCtrlr.StopTxOnEVSideDisconnect TxCtrlr.TxStartPoint TxCtrlr.TxStopPoint
    TxCtrlr.StopTxOnInvalidId SampledDataCtrlr.TxEndedMeasurands SampledDataCtrlr.TxEndedInterval
    SampledDataCtrlr.TxStartedMeasurands SampledDataCtrlr.TxUpdatedMeasurands
    SampledDataCtrlr.TxUpdatedInterval AlignedDataCtrlr.Measurands AlignedDataCtrlr.Interval
    AlignedDataCtrlr.TxEndedMeasurands AlignedDataCtrlr.TxEndedInterval SmartChargingCtrlr.ProfileStackLevel
    SmartChargingCtrlr.RateUnit SmartChargingCtrlr.PeriodsPerSchedule
    SmartChargingCtrlr.Entries[ChargingProfiles] SmartChargingCtrlr.LimitChangeSignificance
    ChargingStation.Available ChargingStation.AvailabilityState ChargingStation.SupplyPhases EVSE.Available
    EVSE.AvailabilityState EVSE.SupplyPhases EVSE.Power Connector.Available Connector.ConnectorType
    Connector.SupplyPhases
    """
)
"""2.0.1 Part 2 chapter 2 (errata 2025-09) and Part 4 section 7: required in the functional blocks we have."""

REQUIRED_16 = words(
    """
    AuthorizeRemoteTxRequests ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation
    GetConfigurationMaxKeys HeartbeatInterval LocalAuthorizeOffline LocalPreAuthorize MeterValuesAlignedData
    MeterValuesSampledData MeterValueSampleInterval NumberOfConnectors ResetRetries
    StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData StopTxnSampledData
    SupportedFeatureProfiles TransactionMessageAttempts TransactionMessageRetryInterval
    UnlockConnectorOnEVSideDisconnect ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit
    ChargingScheduleMaxPeriods MaxChargingProfilesInstalled AuthorizationKey
    """
)
"""1.6 9.1 and 9.4, white paper 7.2."""


@pytest.mark.parametrize("name", REQUIRED_201)
def test_required_variables_of_2_0_1(name: str) -> None:
    found = CATALOG.by_any_name(name)
    assert found is not None
    assert found.full_name == name


@pytest.mark.parametrize("key", REQUIRED_16)
def test_required_keys_of_1_6(key: str) -> None:
    row = CATALOG.find16(key.upper())
    assert row is not None
    assert (row.key16 if isinstance(row, Variable) else row.key) == key


def test_rows_are_found_without_regard_to_case_and_by_instance() -> None:
    assert CATALOG.find("txctrlr", "EVCONNECTIONTIMEOUT") is c.EV_CONNECTION_TIMEOUT
    assert CATALOG.find("TxCtrlr", "EVConnectionTimeOut", "") is c.EV_CONNECTION_TIMEOUT
    assert CATALOG.find("DeviceDataCtrlr", "ItemsPerMessage", "getreport") is c.ITEMS_GET_REPORT
    assert CATALOG.find("DeviceDataCtrlr", "ItemsPerMessage") is None
    assert CATALOG.find("TxCtrlr", "EVConnectionTimeOut", "x") is None
    assert CATALOG.by_any_name("connectiontimeout") is c.EV_CONNECTION_TIMEOUT
    assert CATALOG.by_any_name("NumberOfConnectors") is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TxCtrlr.EVConnectionTimout", "TxCtrlr.EVConnectionTimeOut"),
        ("ConectionTimeOut", "ConnectionTimeOut"),
        ("Tx.EVConnectionTimeOut", "TxCtrlr.EVConnectionTimeOut"),
        ("qwertyuiop", None),
    ],
)
def test_a_mistyped_name_finds_its_neighbour(typed: str, meant: str | None) -> None:
    assert CATALOG.near(typed) == meant


def test_limits_of_1_6_come_from_the_rows_they_limit() -> None:
    values = {key.key: key.value for key in KEYS_16 if isinstance(key, c.LimitKey16)}
    assert values == {
        "MeterValuesSampledDataMaxLength": "20",
        "MeterValuesAlignedDataMaxLength": "20",
        "StopTxnSampledDataMaxLength": "20",
        "StopTxnAlignedDataMaxLength": "20",
        "ConnectorPhaseRotationMaxLength": "31",
        "LocalAuthListMaxLength": "10000",
        "MaxChargingProfilesInstalled": "200",
        "CertificateStoreMaxLength": "32",
    }
    with pytest.raises(ValueError, match="no limit"):
        _ = c.LimitKey16("X", c.AUTH_ENABLED, "").value


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([c.AUTH_ENABLED, replace(c.AUTH_ENABLED, component="authctrlr")], "twice"),
        ([c.PING_INTERVAL, replace(c.PING_INTERVAL, name="Other")], "WebSocketPingInterval stands twice"),
        ([replace(c.AUTH_ENABLED, scope=Scope.EVSE)], "have to be computed"),
        ([replace(c.AUTH_ENABLED, default=None)], "have to be ReadOnly"),
    ],
)
def test_a_catalogue_that_contradicts_itself_does_not_start(rows: list[Variable[Any]], words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        Catalog(rows)


def test_a_row_is_its_own_identity() -> None:
    assert Variable("A", "B", boolean(), True, "") != Variable("A", "B", boolean(), True, "")
