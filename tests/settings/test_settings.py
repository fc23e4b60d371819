from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.metering.measurands import ONLY_16, Measurand
from controller.settings import catalog as c
from controller.settings.catalog import CATALOG, KEYS_16, VARIABLES, Catalog, Variable
from controller.settings.facts import EvseFact, StationFacts
from controller.settings.kinds import DataType, ValueRefused, seconds
from controller.settings.settings import (
    Attribute,
    ConfigurationStatus,
    GetItem,
    GetStatus,
    Place,
    ReportBase,
    SetItem,
    SetStatus,
    Settings,
    SettingsError,
    Source,
    VariableRef,
)
from tests.settings.support import FACTS, MemoryValues, station

TIMEOUT = VariableRef("TxCtrlr", "EVConnectionTimeOut")


def ref(
    component: str,
    name: str,
    instance: str | None = None,
    evse: int | None = None,
    conn: int | None = None,
    component_instance: str | None = None,
) -> VariableRef:
    return VariableRef(component, name, instance, evse, conn, component_instance)


# --------------------------------------------------------------------- values and layers


def test_a_row_gives_its_typed_value() -> None:
    settings = station()
    assert settings[c.EV_CONNECTION_TIMEOUT] + 1 == 61
    assert settings[c.AUTH_ENABLED] is True
    assert Measurand.ENERGY_IMPORT_REGISTER in settings[c.SAMPLED_MEASURANDS]
    assert settings[c.DATE_TIME] == "2026-01-31T12:00:00Z"
    assert settings.at(c.EVSE_PHASES, Place(2)) == 1
    assert settings.at(c.AUTH_ENABLED, Place(2)) is True


def test_layers_default_file_store_command_line() -> None:
    name = "TxCtrlr.EVConnectionTimeOut"
    initial, stored, over = {name: "70"}, {name: "80"}, {"connectiontimeout": "90"}
    cases: list[tuple[dict[str, Any], int, Source]] = [
        ({}, 60, Source.DEFAULT),
        ({"initial": initial}, 70, Source.FILE),
        ({"initial": initial, "values": MemoryValues(stored)}, 80, Source.CHANGED),
        ({"initial": initial, "values": MemoryValues(stored), "overrides": over}, 90, Source.COMMAND_LINE),
    ]
    for layers, value, source in cases:
        settings = station(**layers)
        assert (settings[c.EV_CONNECTION_TIMEOUT], settings.source(c.EV_CONNECTION_TIMEOUT)) == (
            value,
            source,
        )
    assert settings.source(c.DATE_TIME) is Source.COMPUTED


def test_the_command_line_is_not_stored_and_ends_with_the_next_change() -> None:
    values = MemoryValues()
    settings = station(values, overrides={"ConnectionTimeOut": "90"})
    assert values.stored == {}
    assert settings.change_configuration("ConnectionTimeOut", "90") is ConfigurationStatus.ACCEPTED
    assert values.stored == {"TxCtrlr.EVConnectionTimeOut": "90"}
    assert settings.source(c.EV_CONNECTION_TIMEOUT) is Source.CHANGED


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"TxCtrlr.EVConnectionTimout": "1"}, "unknown setting; did you mean TxCtrlr.EVConnectionTimeOut"),
        ({"Fnord": "1"}, "unknown setting; docs/settings.md"),
        ({"ConnectionTimeOut": "soon"}, 'found "soon", expected a whole number from 1 to 3600 s'),
        ({"ClockCtrlr.DateTime": "2026-01-31T12:00:00Z"}, "cannot be set"),
    ],
)
@pytest.mark.parametrize("which", ["initial", "overrides"])
def test_a_wrong_initial_value_does_not_start(which: str, layer: dict[str, str], words: str) -> None:
    layers: dict[str, Any] = {which: layer}
    with pytest.raises(SettingsError, match=words):
        station(**layers)


def test_a_stored_value_that_is_no_longer_accepted_is_told_and_not_used() -> None:
    stored = {
        "TxCtrlr.EVConnectionTimeOut": "0",
        "Old.Row": "1",
        "ClockCtrlr.DateTime": "x",
        "AuthCtrlr.Enabled": "false",
    }
    settings = station(MemoryValues(stored))
    assert settings[c.EV_CONNECTION_TIMEOUT] == 60
    assert settings[c.AUTH_ENABLED] is False
    assert len(settings.refused_values) == 3
    assert any(
        "TxCtrlr.EVConnectionTimeOut" in line and 'found "0"' in line for line in settings.refused_values
    )


def test_every_computed_row_needs_a_provider() -> None:
    with pytest.raises(SettingsError, match=r"DateTime.*NumberOfConnectors"):
        Settings(CATALOG, MemoryValues(), {}, {}, {1: 1})


def test_set_and_assign_check_store_and_tell() -> None:
    values = MemoryValues()
    settings = station(values)
    told: list[tuple[Variable[Any], ...]] = []
    settings.on_change(lambda changed: told.append(changed))
    settings.set(c.EV_CONNECTION_TIMEOUT, "61")
    settings.assign(c.HEARTBEAT_INTERVAL, 30)
    settings.assign(c.HEARTBEAT_INTERVAL, 30)
    settings.set(c.METER_REQUIRED, "false")  # the owner may set what the network may not
    assert settings.set_by_name("webSocketPingInterval", "0") is c.PING_INTERVAL
    assert told == [
        (c.EV_CONNECTION_TIMEOUT,),
        (c.HEARTBEAT_INTERVAL,),
        (c.METER_REQUIRED,),
        (c.PING_INTERVAL,),
    ]
    assert len(values.log) == 4
    again = station(values)
    assert (again[c.EV_CONNECTION_TIMEOUT], again[c.HEARTBEAT_INTERVAL], again[c.METER_REQUIRED]) == (
        61,
        30,
        False,
    )
    with pytest.raises(SettingsError):
        settings.assign(c.HEARTBEAT_INTERVAL, 0)
    with pytest.raises(SettingsError):
        settings.set(c.DATE_TIME, "2026-01-31T12:00:00Z")
    assert len(told) == 4


def test_nothing_changes_and_nobody_is_told_when_the_store_fails() -> None:
    values = MemoryValues()
    settings = station(values)
    told: list[object] = []
    settings.on_change(told.append)
    values.fail = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        settings.change_configuration("ConnectionTimeOut", "61")
    with pytest.raises(OSError, match="disk full"):
        settings.set_variables([SetItem(TIMEOUT, "61")])
    assert settings[c.EV_CONNECTION_TIMEOUT] == 60
    assert told == []


def test_listeners_see_the_durable_value() -> None:
    values = MemoryValues()
    settings = station(values)
    seen = []
    settings.on_change(lambda changed: seen.append((settings[c.PING_INTERVAL], dict(values.stored))))
    settings.set(c.PING_INTERVAL, "7")
    assert seen == [(7, {"OCPPCommCtrlr.WebSocketPingInterval": "7"})]


# --------------------------------------------------------------------- 2.0.1 GetVariables


@pytest.mark.parametrize(
    ("reference", "status", "value"),
    [
        (TIMEOUT, GetStatus.ACCEPTED, "60"),
        (ref("txctrlr", "evconnectiontimeout"), GetStatus.ACCEPTED, "60"),
        (ref("TxCtrlr", "EVConnectionTimeOut", ""), GetStatus.ACCEPTED, "60"),
        (ref("DeviceDataCtrlr", "ItemsPerMessage", "GetReport"), GetStatus.ACCEPTED, "100"),
        (ref("EVSE", "AvailabilityState", evse=2), GetStatus.ACCEPTED, "Occupied"),
        (ref("Connector", "ConnectorType", evse=1, conn=1), GetStatus.ACCEPTED, "sType2"),
        (ref("ChargingStation", "AvailabilityState"), GetStatus.ACCEPTED, "Available"),
        (ref("OCPPCommCtrlr", "FileTransferProtocols"), GetStatus.ACCEPTED, "FTP,FTPS,HTTP,HTTPS"),
        (ref("Fnord", "EVConnectionTimeOut"), GetStatus.UNKNOWN_COMPONENT, None),  # B06.FR.06
        (ref("EVSE", "AvailabilityState", evse=3), GetStatus.UNKNOWN_COMPONENT, None),
        (ref("EVSE", "AvailabilityState"), GetStatus.UNKNOWN_COMPONENT, None),
        (ref("TxCtrlr", "EVConnectionTimeOut", evse=1), GetStatus.UNKNOWN_COMPONENT, None),
        (ref("TxCtrlr", "EVConnectionTimeOut", component_instance="x"), GetStatus.UNKNOWN_COMPONENT, None),
        (ref("Connector", "ConnectorType", evse=1, conn=2), GetStatus.UNKNOWN_COMPONENT, None),
        (ref("TxCtrlr", "Fnord"), GetStatus.UNKNOWN_VARIABLE, None),  # B06.FR.07
        (ref("DeviceDataCtrlr", "ItemsPerMessage"), GetStatus.UNKNOWN_VARIABLE, None),  # B06.FR.15
        (ref("SecurityCtrlr", "BasicAuthPassword"), GetStatus.REJECTED, None),  # B06.FR.09
    ],
)
def test_B06_get_variables(reference: VariableRef, status: GetStatus, value: str | None) -> None:
    (result,) = station().get_variables([GetItem(reference)])
    assert (result.status, result.value) == (status, value)
    assert result.ref == reference  # B06.FR.02
    assert result.attribute is Attribute.ACTUAL  # B06.FR.11


@pytest.mark.parametrize("attribute", [Attribute.TARGET, Attribute.MIN_SET, Attribute.MAX_SET])
def test_B06_FR_08_other_attributes_are_not_supported(attribute: Attribute) -> None:
    settings = station()
    results = settings.get_variables([GetItem(TIMEOUT, attribute), GetItem(ref("No", "No"), attribute)])
    assert [r.status for r in results] == [
        GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE,
        GetStatus.UNKNOWN_COMPONENT,
    ]
    assert {r.attribute for r in results} == {attribute}
    assert settings.set_variables([SetItem(TIMEOUT, "61", attribute)])[0].status is (
        SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
    )
    assert settings[c.EV_CONNECTION_TIMEOUT] == 60


# --------------------------------------------------------------------- 2.0.1 SetVariables


@pytest.mark.parametrize(
    ("reference", "value", "status"),
    [
        (TIMEOUT, "61", SetStatus.ACCEPTED),
        (ref("TXCTRLR", "evConnectionTimeout"), "61", SetStatus.ACCEPTED),
        (ref("SecurityCtrlr", "BasicAuthPassword"), "sixteen letters!", SetStatus.ACCEPTED),
        (ref("SecurityCtrlr", "BasicAuthPassword"), "short", SetStatus.REJECTED),
        (TIMEOUT, "soon", SetStatus.REJECTED),  # B05.FR.07
        (TIMEOUT, "0", SetStatus.REJECTED),  # B05.FR.08
        (TIMEOUT, "3601", SetStatus.REJECTED),
        (ref("SampledDataCtrlr", "TxUpdatedMeasurands"), "Voltage,Foo", SetStatus.REJECTED),
        (ref("TxCtrlr", "TxStartPoint"), "Authorized", SetStatus.REJECTED),  # B05.FR.09
        (ref("ClockCtrlr", "DateTime"), "2026-01-31T12:00:00Z", SetStatus.REJECTED),
        (ref("Fnord", "X"), "1", SetStatus.UNKNOWN_COMPONENT),  # B05.FR.04
        (ref("TxCtrlr", "X"), "1", SetStatus.UNKNOWN_VARIABLE),  # B05.FR.05
    ],
)
def test_B05_set_variables(reference: VariableRef, value: str, status: SetStatus) -> None:
    values = MemoryValues()
    settings = station(values)
    before = {row.name: row.value for row in settings.rows()}
    (result,) = settings.set_variables([SetItem(reference, value)])
    assert (result.status, result.ref, result.attribute) == (status, reference, Attribute.ACTUAL)
    after = {row.name: row.value for row in settings.rows()}
    assert (after != before) is (status is SetStatus.ACCEPTED)
    assert bool(values.log) is (status is SetStatus.ACCEPTED)
    assert bool(result.info) is (status is SetStatus.REJECTED)


def test_B05_FR_01_one_result_for_each_item_and_one_commit_for_all() -> None:
    values = MemoryValues()
    settings = station(values)
    told: list[tuple[Variable[Any], ...]] = []
    settings.on_change(told.append)
    results = settings.set_variables(
        [
            SetItem(TIMEOUT, "61"),
            SetItem(ref("Fnord", "X"), "1"),
            SetItem(ref("AuthCtrlr", "Enabled"), "FALSE"),
            SetItem(ref("AuthCtrlr", "LocalPreAuthorize"), "true"),  # as before
        ]
    )
    assert [str(r.status) for r in results] == ["Accepted", "UnknownComponent", "Accepted", "Accepted"]
    assert told == [(c.EV_CONNECTION_TIMEOUT, c.AUTH_ENABLED)]
    assert len(values.log) == 1
    assert settings[c.AUTH_ENABLED] is False


def test_a_secret_set_by_either_protocol_is_bytes_and_never_seen() -> None:
    values = MemoryValues()
    settings = station(values)
    assert settings.change_configuration("AuthorizationKey", "00ff" * 8) is ConfigurationStatus.ACCEPTED
    assert settings[c.BASIC_AUTH_PASSWORD] == b"\x00\xff" * 8
    assert station(values)[c.BASIC_AUTH_PASSWORD] == b"\x00\xff" * 8
    settings.set_variables([SetItem(ref("SecurityCtrlr", "BasicAuthPassword"), "correct horse battery")])
    assert settings[c.BASIC_AUTH_PASSWORD] == b"correct horse battery"
    settings.assign(c.BASIC_AUTH_PASSWORD, b"\x01\x02")
    assert settings[c.BASIC_AUTH_PASSWORD] == b"\x01\x02"
    for report in (settings.base_report(ReportBase.FULL), settings.rows(), settings.get_configuration()):
        assert "horse" not in repr(report)
    (row,) = [row for row in settings.base_report(ReportBase.FULL) if row.ref.name == "BasicAuthPassword"]
    assert row.value is None  # errata 2.10


def test_16_CORE_102_a_change_that_needs_a_reboot_says_so() -> None:
    variable = Variable(
        "TxCtrlr", "Slow", seconds(1, 9), 5, "Slow.", key16="Slow", reboot_required=True
    )  # fmt: skip
    values = MemoryValues()
    settings = Settings(Catalog([variable]), values, {}, {}, {})
    slow = ref("TxCtrlr", "Slow")
    assert settings.set_variables([SetItem(slow, "6")])[0].status is SetStatus.REBOOT_REQUIRED
    assert settings.set_variables([SetItem(slow, "6")])[0].status is SetStatus.REBOOT_REQUIRED, "still"
    assert settings.change_configuration("slow", "7") is ConfigurationStatus.REBOOT_REQUIRED
    assert settings.change_configuration("slow", "7") is ConfigurationStatus.REBOOT_REQUIRED
    assert settings.change_configuration("slow", "10") is ConfigurationStatus.REJECTED
    assert settings[variable] == 5, "in force until the restart"
    assert settings.get_configuration(["Slow"])[0] == [("Slow", False, "7")], "what was set"
    assert settings.get_variables([GetItem(slow)])[0].value == "7"
    assert settings.change_configuration("slow", "5") is ConfigurationStatus.ACCEPTED, "as it was"
    assert settings.change_configuration("slow", "7") is ConfigurationStatus.REBOOT_REQUIRED
    restarted = Settings(Catalog([variable]), values, {}, {}, {})
    assert restarted[variable] == 7
    assert restarted.change_configuration("slow", "7") is ConfigurationStatus.ACCEPTED


# --------------------------------------------------------------------- 2.0.1 GetBaseReport


def test_B07_FR_08_full_inventory_has_every_row_at_every_place() -> None:
    report = station().base_report(ReportBase.FULL)
    names = {(row.ref.component, row.ref.name, row.ref.instance) for row in report}
    assert names == {(v.component, v.name, v.instance) for v in VARIABLES}
    places = {(row.ref.evse_id, row.ref.connector_id) for row in report if row.ref.component == "Connector"}
    assert places == {(1, 1), (2, 1)}
    by_name = {(row.ref.component, row.ref.name, row.ref.evse_id): row for row in report}
    timeout = by_name["TxCtrlr", "EVConnectionTimeOut", None]
    assert (timeout.value, timeout.data_type, timeout.unit) == ("60", DataType.INTEGER, "s")
    assert (timeout.min_limit, timeout.max_limit) == (Decimal(1), Decimal(3600))
    assert timeout.persistent
    assert by_name["SampledDataCtrlr", "TxUpdatedMeasurands", None].values == tuple(
        one for one in Measurand if one not in ONLY_16
    )
    power = by_name["EVSE", "Power", 1]
    assert (power.value, power.max_limit) == ("1000", Decimal(3 * 230 * 32))
    assert by_name["EVSE", "Power", 2].max_limit == Decimal(230 * 16)
    assert by_name["SmartChargingCtrlr", "Entries", None].max_limit == 200


def test_B07_FR_07_configuration_inventory_is_what_can_be_set() -> None:
    report = station().base_report(ReportBase.CONFIGURATION)
    names = {f"{row.ref.component}.{row.ref.name}" for row in report}
    assert {"TxCtrlr.EVConnectionTimeOut", "SecurityCtrlr.BasicAuthPassword"} <= names
    assert not {"ClockCtrlr.DateTime", "TxCtrlr.TxStartPoint", "EVSE.Power"} & names
    assert all(row.mutability is not c.READ_ONLY for row in report)


def test_B07_FR_09_summary_inventory_is_the_availability() -> None:
    report = station().base_report(ReportBase.SUMMARY)
    assert [(r.ref.component, r.ref.evse_id, r.ref.connector_id, r.value) for r in report] == [
        ("ChargingStation", None, None, "Available"),
        ("EVSE", 1, None, "Available"),
        ("EVSE", 2, None, "Occupied"),
        ("Connector", 1, 1, "Available"),
        ("Connector", 2, 1, "Occupied"),
    ]


# --------------------------------------------------------------------- 1.6


def test_16_get_configuration_without_keys_gives_all() -> None:
    known, unknown = station().get_configuration(None)
    keys = [key for key, _, _ in known]
    assert unknown == []
    assert sorted(keys) == sorted({*(v.key16 for v in VARIABLES if v.key16), *(key.key for key in KEYS_16)})
    assert station().get_configuration([]) == (known, unknown)


def test_16_get_configuration_by_key() -> None:
    asked = ["connectiontimeout", "Fnord", "NumberOfConnectors", "MaxChargingProfilesInstalled"]
    asked += [
        "AuthorizationKey",
        "ChargingScheduleAllowedChargingRateUnit",
        "SupportedFeatureProfiles",
        "fnord2",
    ]
    known, unknown = station().get_configuration(asked)
    assert known == [
        ("ConnectionTimeOut", False, "60"),
        ("NumberOfConnectors", True, "2"),
        ("MaxChargingProfilesInstalled", True, "200"),
        ("AuthorizationKey", False, None),
        ("ChargingScheduleAllowedChargingRateUnit", True, "Current,Power"),
        ("SupportedFeatureProfiles", True, "Core,RemoteTrigger,SmartCharging"),
    ]
    assert unknown == ["Fnord", "fnord2"]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("ConnectionTimeOut", "61", ConfigurationStatus.ACCEPTED),
        ("CONNECTIONTIMEOUT", "61", ConfigurationStatus.ACCEPTED),
        ("LocalPreAuthorize", "FALSE", ConfigurationStatus.ACCEPTED),
        ("MeterValuesSampledData", "Voltage,Current.Import", ConfigurationStatus.ACCEPTED),
        ("StopTxnSampledData", "", ConfigurationStatus.ACCEPTED),
        ("ConnectorPhaseRotation", "0.RST,1.RTS,2.STR", ConfigurationStatus.ACCEPTED),
        ("ConnectionTimeOut", "-1", ConfigurationStatus.REJECTED),
        ("ConnectionTimeOut", "", ConfigurationStatus.REJECTED),
        ("LocalPreAuthorize", "maybe", ConfigurationStatus.REJECTED),
        ("MeterValuesSampledData", "Voltage,SoC", ConfigurationStatus.REJECTED),  # 3.16.4
        ("StopTxnAlignedData", "Voltage,RPM", ConfigurationStatus.REJECTED),
        ("NumberOfConnectors", "9", ConfigurationStatus.REJECTED),
        ("MeterValuesSampledDataMaxLength", "9", ConfigurationStatus.REJECTED),
        ("Fnord", "1", ConfigurationStatus.NOT_SUPPORTED),
    ],
)
def test_16_change_configuration(key: str, value: str, status: ConfigurationStatus) -> None:
    values = MemoryValues()
    settings = station(values)
    before = settings.get_configuration()
    assert settings.change_configuration(key, value) is status
    assert (settings.get_configuration() != before) is (status is ConfigurationStatus.ACCEPTED)
    assert bool(values.log) is (status is ConfigurationStatus.ACCEPTED)


def test_both_protocols_see_the_same_value() -> None:
    settings = station()
    settings.change_configuration("MeterValueSampleInterval", "17")
    assert settings.get_variables([GetItem(ref("SampledDataCtrlr", "TxUpdatedInterval"))])[0].value == "17"
    settings.set_variables([SetItem(ref("SampledDataCtrlr", "TxUpdatedInterval"), "18")])
    assert settings.get_configuration(["MeterValueSampleInterval"])[0][0][2] == "18"


def test_16_errata_3_84_unlocking_is_read_only_and_false_with_fixed_cables() -> None:
    fixed = StationFacts("CP", "V", "M", "", "1", (EvseFact(1, 32_000, 3, True),))
    settings = station(facts=fixed)
    assert settings.get_configuration(["UnlockConnectorOnEVSideDisconnect"])[0] == [
        ("UnlockConnectorOnEVSideDisconnect", True, "false")
    ]
    assert (
        settings.change_configuration("UnlockConnectorOnEVSideDisconnect", "true")
        is ConfigurationStatus.REJECTED
    )
    assert station(facts=FACTS)[c.UNLOCK_ON_EV_SIDE_DISCONNECT] is True


# --------------------------------------------------------------------- for people


def test_rows_for_people() -> None:
    rows = {row.name: row for row in station(initial={"ConnectionTimeOut": "70"}).rows()}
    timeout = rows["TxCtrlr.EVConnectionTimeOut"]
    assert (timeout.value, timeout.source, timeout.key16) == ("70", Source.FILE, "ConnectionTimeOut")
    assert rows["EVSE#2.AvailabilityState"].value == "Occupied"
    assert rows["Connector#1#1.ConnectorType"].value == "sType2"


# --------------------------------------------------------------------- guards


def test_a_guard_decides_and_what_it_adds_is_stored_in_the_same_commit() -> None:
    values = MemoryValues()
    settings = station(values)
    asked: list[tuple[int, bool]] = []

    def guard(value: int, remote: bool) -> Mapping[Variable[Any], Any]:
        asked.append((value, remote))
        if value == 13:
            raise ValueRefused("found 13, expected luck")
        return {c.SAMPLED_INTERVAL: value}

    settings.guard(c.EV_CONNECTION_TIMEOUT, guard)
    assert settings.change_configuration("ConnectionTimeOut", "13") is ConfigurationStatus.REJECTED
    assert settings.set_variables([SetItem(TIMEOUT, "13")])[0].status is SetStatus.REJECTED
    with pytest.raises(SettingsError, match="expected luck"):
        settings.set_by_name("ConnectionTimeOut", "13")
    assert values.log == [] and settings[c.EV_CONNECTION_TIMEOUT] == 60
    assert settings.change_configuration("ConnectionTimeOut", "14") is ConfigurationStatus.ACCEPTED
    assert settings.set_variables([SetItem(TIMEOUT, "15")])[0].status is SetStatus.ACCEPTED
    settings.set_by_name("ConnectionTimeOut", "16")
    settings.set(c.EV_CONNECTION_TIMEOUT, "17")
    assert [set(one) for one in values.log] == [
        {c.EV_CONNECTION_TIMEOUT.full_name, c.SAMPLED_INTERVAL.full_name}
    ] * 4
    assert asked[3:] == [(14, True), (15, True), (16, False), (17, False)]
    settings.assign(c.EV_CONNECTION_TIMEOUT, 13)
    assert settings[c.EV_CONNECTION_TIMEOUT] == 13, "the program needs no leave"


def test_several_rows_are_assigned_in_one_commit() -> None:
    values = MemoryValues()
    settings = station(values)
    settings.assign_together({c.EV_CONNECTION_TIMEOUT: 61, c.SAMPLED_INTERVAL: 62})
    settings.assign_together({})
    assert len(values.log) == 1
    with pytest.raises(SettingsError):
        settings.assign_together({c.EV_CONNECTION_TIMEOUT: 63, c.SAMPLED_INTERVAL: -1})
    assert (settings[c.EV_CONNECTION_TIMEOUT], settings[c.SAMPLED_INTERVAL]) == (61, 62)


def test_16_SEC_02_the_profile_is_writable_in_1_6_and_read_only_in_2_0_1() -> None:
    settings = station()
    profile = ref("SecurityCtrlr", "SecurityProfile")
    assert settings.get_configuration(["SecurityProfile"])[0] == [("SecurityProfile", False, "0")]
    assert settings.set_variables([SetItem(profile, "2")])[0].status is SetStatus.REJECTED
