from __future__ import annotations

import pytest

from controller.csms.rpc import Call
from controller.csms.v201.values import meter_values
from controller.domain.metering.measurands import (
    ONLY_16,
    UNITS,
    Measurand,
    MeterSample,
    ReadingContext,
    SampledValue,
)
from tests.csms.rig import T0_MS
from tests.csms.second_opinion import checked


@pytest.mark.parametrize("measurand", [one for one in Measurand if one not in ONLY_16])
@pytest.mark.parametrize("subprotocol", ["ocpp2.0.1", "ocpp2.1"])
def test_every_measurand_fits_the_schema(measurand: Measurand, subprotocol: str) -> None:
    sample = MeterSample(T0_MS, ReadingContext.SAMPLE_CLOCK, (SampledValue(measurand, 16_500, "L1-N"),))
    checked(subprotocol, Call("MeterValues", {"evseId": 1, "meterValue": meter_values([sample])}))
    (value,) = meter_values([sample])[0]["sampledValue"]
    assert value["value"] == 16.5
    assert value["phase"] == "L1-N"
    assert value.get("unitOfMeasure", {}).get("unit", "") == UNITS[measurand]


def test_a_measurand_that_only_16_knows_is_left_out() -> None:
    warm = SampledValue(Measurand.TEMPERATURE, 21_000)
    both = (warm, SampledValue(Measurand.FREQUENCY, 50_000))
    (told,) = meter_values([MeterSample(T0_MS, ReadingContext.OTHER, both)])
    assert [value["measurand"] for value in told["sampledValue"]] == ["Frequency"]
    assert meter_values([MeterSample(T0_MS, ReadingContext.OTHER, (warm,))]) == []


def test_an_empty_sample_is_left_out() -> None:
    assert meter_values([MeterSample(T0_MS, ReadingContext.OTHER, ())]) == []
