from __future__ import annotations

import pytest

from controller.csms.rpc import Call
from controller.csms.v16.values import meter_values
from controller.domain.metering.measurands import Measurand, MeterSample, ReadingContext, SampledValue
from tests.csms.rig import T0_MS
from tests.csms.second_opinion import checked


@pytest.mark.parametrize("measurand", Measurand)
@pytest.mark.parametrize("context", [ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRIGGER])
def test_16_CORE_89_every_measurand_fits_the_schema(measurand: Measurand, context: ReadingContext) -> None:
    sample = MeterSample(T0_MS, context, (SampledValue(measurand, 16_500, "L1"),))
    checked("ocpp1.6", Call("MeterValues", {"connectorId": 1, "meterValue": meter_values([sample])}))
    (value,) = meter_values([sample])[0]["sampledValue"]
    assert value["value"] == "16.5"
    assert value["context"] == context.value
    assert value["phase"] == "L1"


def test_16_CORE_92_frequency_goes_without_unit() -> None:
    sample = MeterSample(T0_MS, ReadingContext.OTHER, (SampledValue(Measurand.FREQUENCY, 50_010),))
    (value,) = meter_values([sample])[0]["sampledValue"]
    assert value["value"] == "50.01"
    assert "unit" not in value


def test_16_CONN_15_the_schemas_own_spelling_of_celsius_is_sent() -> None:
    sample = MeterSample(T0_MS, ReadingContext.OTHER, (SampledValue(Measurand.TEMPERATURE, 41_500),))
    (value,) = meter_values([sample])[0]["sampledValue"]
    assert (value["value"], value["unit"]) == ("41.5", "Celcius")


def test_an_empty_sample_is_left_out() -> None:
    assert meter_values([MeterSample(T0_MS, ReadingContext.OTHER, ())]) == []
