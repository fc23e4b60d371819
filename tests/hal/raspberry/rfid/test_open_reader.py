"""Profiles of readers: what is accepted, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hal.profile import ProfileError, ReaderProfile
from hal.raspberry.rfid import drivers, open_reader


@pytest.mark.parametrize("driver", drivers())
def test_every_driver_opens_without_its_port(driver: str) -> None:
    open_reader(ReaderProfile(driver, "/dev/nowhere"), Path("/"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"driver": "rdm630"},
            "driver: 'rdm630'; did you mean 'rdm6300'? accepted: rdm6300, id12la, pn532, line",
        ),
        ({"driver": "PN532"}, "driver: 'PN532'; did you mean 'pn532'?"),
        ({"driver": "simulated"}, "driver: 'simulated'; accepted: rdm6300"),
        ({"port": "ttyUSB0"}, "port: 'ttyUSB0', accepted: the absolute path"),
        ({"port": ""}, "port: ''"),
        ({"baud": 0}, "baud: 0, accepted: 300 to 4000000"),
        ({"parity": "X"}, "parity: 'X', accepted: 'N', 'E', 'O'"),
        ({"rdm6300_format": "hex9"}, "rdm6300_format: 'hex9', accepted: hex10, hex8, dec10"),
    ],
)
def test_a_wrong_profile_names_key_found_and_accepted(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError) as raised:
        open_reader(ReaderProfile(**{"driver": "rdm6300", "port": "/dev/ttyUSB0", **settings}), Path("/"))
    assert message in str(raised.value)
