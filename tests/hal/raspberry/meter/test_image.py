"""The register image for the simulated world."""

from __future__ import annotations

import pytest

from hal.interface import MeterReading
from hal.profile import ProfileError
from hal.raspberry.meter.image import register_image
from hal.raspberry.meter.maps import load
from hal.raspberry.meter.reading import make_reading
from tests.hal.raspberry.meter.bus import all_models, csv_image, expected, rows_of


@pytest.mark.parametrize("model", [model for model in all_models() if not model.startswith("SunSpec")])
def test_it_agrees_with_the_independent_encoder_in_everything_a_reading_is_made_of(model: str) -> None:
    ours, theirs = register_image(model, expected(model)), csv_image(model)
    if any("sf@" in row["scale"] for row in rows_of(model)):
        assert set(theirs) <= set(ours)  # scale factors may be chosen differently
        return
    lacking = (
        "_sum",
        "import_L",
        "export_L",
        "apparent",
        "reactive",
        "serial",
        "probe",
        "factor_L",
        "_float",
        "_alt",
    )
    for row in rows_of(model):
        if not any(part in row["quantity"] for part in lacking):
            key = int(row["fc"]), int(row["address_dec"])
            assert ours[key] == theirs[key], row["quantity"]


@pytest.mark.parametrize("model", all_models())
def test_nothing_but_the_import_register_is_a_reading(model: str) -> None:
    image = register_image(model, MeterReading(4_200))
    base = 40070 if load(model).sunspec_model else 0
    reading = make_reading(load(model), image, base=base, swap=False, where="meter")
    assert reading == MeterReading(4_200)
    assert all(0 <= word <= 0xFFFF for word in image.values())


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(OverflowError, match="int32"):
        register_image("Carlo Gavazzi EM340", MeterReading(10**15))


def test_scale_factors_follow_the_values() -> None:
    small = register_image("SunSpec 203", MeterReading(1, current_ma=(16_000, None, None)))
    large = register_image("SunSpec 203", MeterReading(1, current_ma=(63_000, None, None)))
    assert small[3, 40070 + 6] == 0xFFFD
    assert large[3, 40070 + 6] == 0xFFFE
    assert large[3, 40070 + 3] == 6_300


def test_an_unknown_model() -> None:
    with pytest.raises(ProfileError, match="unknown model 'X1'"):
        register_image("X1", MeterReading(0))
