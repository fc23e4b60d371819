"""Finding data files in a wheel and in a source checkout."""

from pathlib import Path

import pytest

from hal.data import data_path


def test_source_checkout_has_the_packaged_boards() -> None:
    names = {file.stem for file in data_path("boards").glob("*.toml")}
    assert {"simulated", "reference-pi4", "reference-pi5"} <= names


def test_a_wheel_is_preferred(tmp_path: Path) -> None:
    package = tmp_path / "hal"
    (package / "data/boards").mkdir(parents=True)
    (tmp_path / "hardware/boards").mkdir(parents=True)
    assert data_path("boards", package) == package / "data/boards"


def test_missing_file_names_both_places(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        data_path("boards", tmp_path / "hal")
    assert f"{tmp_path}/hal/data/boards" in str(caught.value)
    assert f"{tmp_path}/hardware/boards" in str(caught.value)
    assert "reinstall" in str(caught.value)
