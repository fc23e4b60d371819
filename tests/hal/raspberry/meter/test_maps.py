"""The data files: current, complete, well named; and what an unknown model is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from hal.profile import MeterProfile, ProfileError
from hal.raspberry.meter import models, open_meter
from hal.raspberry.meter.maps import load
from tests.hal.raspberry.meter.bus import SOURCE, all_models, rows_of


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_meters", SOURCE.parent / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_files_and_documentation_are_current() -> None:
    assert generator().outdated() == [], "run python hardware/meters/generate.py"


def test_the_generator_notices_a_changed_and_a_superfluous_file(tmp_path: Path) -> None:
    module = generator()
    for path, text in module.generated().items():
        if path.suffix == ".toml":
            (tmp_path / path.name).write_text(text)
    changed = tmp_path / "abb-b23.toml"
    changed.write_text(changed.read_text().replace("20480", "20481"))
    (tmp_path / "left-over.toml").write_text("")
    module.MODELS = tmp_path
    assert module.outdated() == [changed, tmp_path / "left-over.toml"]
    assert module.main([]) == 0
    assert module.outdated() == []


@pytest.mark.parametrize("model", all_models())
def test_every_row_of_the_csv_is_in_the_map(model: str) -> None:
    meter_map = load(model)
    assert meter_map.model == model
    rows = rows_of(model)
    assert [
        (row["quantity"], row["fc"], row["address_dec"], row["type"], row["unit"], row["word_order"])
        for row in rows
    ] == [
        (
            register.quantity,
            str(register.function),
            str(register.address),
            register.type,
            register.unit,
            "little" if register.low_word_first else "big",
        )
        for register in meter_map.registers
    ]


@pytest.mark.parametrize("name", ["ABB B23", "abb b23", "abb-b23", " ABB  B23 "])
def test_case_and_punctuation_of_a_name_do_not_matter(name: str) -> None:
    assert load(name).model == "ABB B23"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Eastron SDM603 v2", "did you mean 'Eastron SDM630 v2'"),
        ("SDM630", "did you mean 'Eastron SDM630 v2'"),
        ("EM340", "did you mean 'Carlo Gavazzi EM340'"),
        ("ABB B32", "or 'ABB B23'?"),
    ],
)
def test_a_typo_is_told_the_close_names_and_all_others(name: str, hint: str) -> None:
    with pytest.raises(ProfileError) as raised:
        open_meter(MeterProfile(name, "tcp:192.0.2.7:502"), Path("/"))
    assert f"unknown model {name!r}" in str(raised.value)
    assert hint in str(raised.value)
    assert all(model in str(raised.value) for model in models())


@pytest.mark.parametrize("name", ["", "///", "Tachometer", "../../x"])
def test_a_name_without_a_neighbour_is_told_all_names(name: str) -> None:
    with pytest.raises(ProfileError, match=r"unknown model .* accepted: ABB B23"):
        load(name)
