"""Links and bus settings of a meter profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hal.profile import MeterProfile, ProfileError
from hal.raspberry.meter import open_meter
from hal.raspberry.meter.link import Link, parse_link


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("rtu:/dev/ttyUSB0", Link("rtu", "rtu:/dev/ttyUSB0", path=Path("/tmp/root/dev/ttyUSB0"))),
        ("tcp:192.0.2.7:503", Link("tcp", "tcp:192.0.2.7:503", host="192.0.2.7", port=503)),
        ("tcp:meter.local", Link("tcp", "tcp:meter.local", host="meter.local", port=502)),
        ("tcp:[2001:db8::1]:502", Link("tcp", "tcp:[2001:db8::1]:502", host="2001:db8::1", port=502)),
        ("rtutcp:192.0.2.7:4001", Link("rtutcp", "rtutcp:192.0.2.7:4001", host="192.0.2.7", port=4001)),
    ],
)
def test_links(text: str, link: Link) -> None:
    assert parse_link(text, Path("/tmp/root")) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/dev/ttyUSB0",
        "rtu:ttyUSB0",
        "rtu:",
        "tcp:",
        "tcp::502",
        "tcp:2001:db8::1",
        "tcp:host:0",
        "tcp:host:x",
        "rtutcp:host",
        "simulated",
    ],
)
def test_wrong_links_are_told_the_accepted_forms(text: str) -> None:
    with pytest.raises(ProfileError, match="accepted: rtu:/dev/PORT, tcp:HOST:PORT, rtutcp:HOST:PORT"):
        parse_link(text, Path("/"))


def test_two_names_of_a_port_are_one_place(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "ttyUSB0").write_text("")
    (tmp_path / "dev" / "meters").symlink_to("ttyUSB0")
    assert parse_link("rtu:/dev/meters", tmp_path).place == parse_link("rtu:/dev/ttyUSB0", tmp_path).place


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": 0}, "unit: 0, accepted with rtu: 1 to 247"),
        ({"unit": 248}, "unit: 248, accepted with rtu: 1 to 247"),
        ({"unit": 256, "link": "tcp:h:502"}, "unit: 256, accepted with tcp: 0 to 255"),
        ({"baud": 100}, "baud: 100, accepted: 300 to 4000000"),
        ({"parity": "even"}, "parity: 'even', accepted: 'N', 'E', 'O'"),
        ({"stop_bits": 3}, "stop_bits: 3, accepted: 1, 2"),
        ({"timeout_ms": 0}, "timeout_ms: 0, accepted: 10 to 60000"),
        (
            {"model": "Phoenix EEM-350-D-MCB", "swap_import_export": True},
            "has no export register to swap with",
        ),
    ],
)
def test_wrong_settings_name_key_found_and_accepted(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError) as raised:
        open_meter(MeterProfile(**{"model": "ABB B23", "link": "rtu:/dev/ttyAMA0", **settings}), Path("/"))
    assert message in str(raised.value)
