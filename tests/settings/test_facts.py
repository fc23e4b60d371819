from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from controller.domain.metering.measurands import Measurand
from controller.hardware import lines, measurands
from controller.settings import catalog as c
from controller.settings.catalog import VARIABLES
from controller.settings.facts import EvseFact, StationFacts, absent, fitted, providers, providers16
from controller.settings.settings import ConfigurationStatus, Place, ReportBase
from hal.profile import load_profile
from tests.settings.support import FACTS, LIVE, MemoryValues, station


def test_every_computed_row_has_a_provider_and_gives_a_value_of_its_kind() -> None:
    found = providers(FACTS, LIVE)
    assert {v for v in VARIABLES if v.computed} == set(found)
    settings = station()
    for row in settings.rows():
        if row.source == "computed":
            assert row.value != ""


def test_the_rated_power_is_current_times_phases_times_voltage() -> None:
    limit = providers(FACTS, LIVE)[c.EVSE_POWER].max_limit
    assert limit is not None
    assert [limit(Place(evse)) for evse in (1, 2)] == [Decimal(22_080), Decimal(3_680)]


def test_power_that_flows_back_is_not_reported_as_drawn() -> None:
    live = LIVE.__class__(
        LIVE.date_time,
        LIVE.availability,
        lambda evse_id: -5,
        LIVE.profiles_installed,
        LIVE.tokens_listed,
        LIVE.roots_installed,
    )
    assert providers(FACTS, live)[c.EVSE_POWER].value(Place(1)) == 0


def test_fixed_cables_only_make_unlocking_read_only() -> None:
    socket, cable = EvseFact(1, 16_000, 1, False), EvseFact(2, 16_000, 1, True)
    for evses, fixed in [((socket,), False), ((socket, cable), False), ((cable,), True)]:
        facts = StationFacts("CP", "V", "M", "", "1", evses)
        assert (c.UNLOCK_ON_EV_SIDE_DISCONNECT in providers(facts, LIVE)) is fixed


def test_keys_of_1_6_only() -> None:
    texts = {key: text() for key, text in providers16(FACTS, ("Core", "RemoteTrigger")).items()}
    assert texts == {
        "NumberOfConnectors": "2",
        "StopTransactionMaxMeterValues": "96",
        "SupportedFeatureProfiles": "Core,RemoteTrigger",
        "SupportedFeatureProfilesMaxLength": "2",
    }


def test_16_CORE_93_only_what_the_hardware_measures_is_accepted() -> None:
    supported = frozenset({Measurand.ENERGY_IMPORT_REGISTER, Measurand.VOLTAGE, Measurand.POWER_OFFERED})
    facts = replace(FACTS, measurands=supported, lines=("L1",))
    old = MemoryValues({"SampledDataCtrlr.TxEndedMeasurands": "Frequency,Voltage"})
    settings = station(
        old,
        facts=facts,
        initial={"MeterValuesAlignedData": "Power.Factor,Power.Offered"},
        fitted=fitted(facts),
    )
    assert settings[c.SAMPLED_MEASURANDS] == (Measurand.ENERGY_IMPORT_REGISTER, Measurand.VOLTAGE)
    assert settings[c.ALIGNED_MEASURANDS] == (Measurand.POWER_OFFERED,), "from the file: what there is"
    assert settings[c.ENDED_MEASURANDS] == (Measurand.VOLTAGE,), "from a time with another meter"
    change = settings.change_configuration
    assert change("MeterValuesSampledData", "Voltage,Current.Import") is ConfigurationStatus.REJECTED
    assert change("MeterValuesSampledData", "Voltage.L2-N") is ConfigurationStatus.REJECTED
    assert change("MeterValuesSampledData", "Voltage.L1-N") is ConfigurationStatus.ACCEPTED
    row = ReportBase.FULL
    (told,) = [r for r in settings.base_report(row) if r.ref.name == "TxUpdatedMeasurands"]
    assert told.values == tuple(one for one in Measurand if one in supported)


def test_16_CORE_108_a_rotation_for_each_connector_that_exists() -> None:
    settings = station(fitted=fitted(FACTS))  # connector 1 with three phases, 2 with one
    assert settings.get_configuration(["ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength"])[0] == [
        ("ConnectorPhaseRotation", False, "0.Unknown,1.Unknown,2.NotApplicable"),
        ("ConnectorPhaseRotationMaxLength", True, "3"),
    ]
    for text, status in [
        ("0.RST,1.RTS,2.NotApplicable", ConfigurationStatus.ACCEPTED),
        ("1.TSR", ConfigurationStatus.ACCEPTED),
        ("3.RST", ConfigurationStatus.REJECTED),
        ("1.RSS", ConfigurationStatus.REJECTED),
        ("RST", ConfigurationStatus.REJECTED),
        ("1.RST,1.RTS", ConfigurationStatus.REJECTED),
    ]:
        assert settings.change_configuration("ConnectorPhaseRotation", text) is status, text
    assert settings[c.PHASE_ROTATION] == ("1.TSR",)


def test_16_CORE_110_keys_of_lights_that_cannot_be_set_do_not_exist() -> None:
    facts = replace(FACTS, adjustable_lights=False)
    keys = ["LightIntensity", "BlinkRepeat"]
    without = station(facts=facts, absent=absent(facts))
    assert without.get_configuration(keys) == ([], keys)
    assert not [key for key, _, _ in without.get_configuration()[0] if key in keys]
    assert without.change_configuration("LightIntensity", "50") is ConfigurationStatus.NOT_SUPPORTED
    assert station(absent=absent(FACTS)).get_configuration(keys)[1] == []


def test_measurands_of_the_hardware() -> None:
    board = load_profile("simulated")
    (evse,) = board.evses
    meter = evse.meter
    assert meter is not None
    assert measurands(board) == frozenset(Measurand)
    assert lines(board) == ("L1", "L2", "L3")
    bare = replace(board, evses=(replace(evse, meter=None, temperatures=()),))
    assert measurands(bare) == {Measurand.CURRENT_OFFERED, Measurand.POWER_OFFERED}
    assert lines(bare) == ()
    small = replace(meter, model="Eastron SDM120")
    single = replace(board, evses=(replace(evse, meter=small, temperatures=()),))
    assert lines(single) == ("L1",)
    assert Measurand.ENERGY_EXPORT_REGISTER in measurands(single)
    assert Measurand.TEMPERATURE not in measurands(single)
    assert lines(replace(single, main_meter=meter)) == ("L1", "L2", "L3")
