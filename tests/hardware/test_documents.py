"""The hardware folder holds together: drawings, links, pins of the profiles, parts of the BOM."""

from __future__ import annotations

import csv
import itertools
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hal.profile import BoardProfile, load_profile
from hardware.drawings.draw import DRAWINGS, FOLDER

HARDWARE = FOLDER.parent
SVG = "{http://www.w3.org/2000/svg}"
BOARDS = ("reference-pi3", "reference-pi4", "reference-pi5", "reference-zero2w")


def pages() -> list[Path]:
    return [*sorted(HARDWARE.glob("*.md")), *sorted(HARDWARE.glob("*/*.md"))]


def drawing(name: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / f"{name}.svg").getroot()


# --------------------------------------------------------------------------- drawings


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_well_formed_current_and_says_what_it_is(name: str) -> None:
    root = drawing(name)
    assert root.tag == f"{SVG}svg"
    title = root.findtext(f"{SVG}title")
    assert title and len(title) > 5
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text == DRAWINGS[name]().text(), "run: python -m hardware.drawings.draw"
    assert "unverified on hardware" in text


def test_every_drawing_is_referenced_and_none_is_left_over() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    referenced = set(re.findall(r"drawings/([a-z0-9-]+)\.svg\)", text))
    assert referenced == set(DRAWINGS) == {path.stem for path in FOLDER.glob("*.svg")}


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_words_leave_the_sheet_or_cover_others(name: str) -> None:
    root = drawing(name)
    width, height = int(root.get("width", "0")), int(root.get("height", "0"))
    boxes = [_box(text) for text in root.iter(f"{SVG}text") if text.text]
    for left, top, right, bottom, words in boxes:
        assert min(left, top) >= 0 and right <= width and bottom <= height, words
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one[4], other[4])


def _box(text: ElementTree.Element) -> tuple[float, float, float, float, str]:
    """Left, top, right, bottom by the average width of a letter, a little tight."""
    words, size = text.text or "", float(text.get("font-size", "12"))
    x, y = float(text.get("x", "0")), float(text.get("y", "0"))
    wide = len(words) * size * (0.62 if text.get("font-weight") == "bold" else 0.54)
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
    return left, y - 0.75 * size, left + wide, y + 0.15 * size, words


# --------------------------------------------------------------------------- pages


def test_every_link_of_a_page_leads_to_a_file() -> None:
    broken = []
    for page in pages():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http") and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_index_names_every_page_and_folder() -> None:
    text = (HARDWARE / "README.md").read_text(encoding="utf-8")
    for path in (
        *HARDWARE.glob("*.md"),
        *HARDWARE.glob("*.csv"),
        *(one for one in HARDWARE.iterdir() if one.is_dir()),
    ):
        if path.name not in ("README.md", "__pycache__"):
            assert f"]({path.name})" in text or f"]({path.name}/" in text, f"{path.name} is not in the index"


@pytest.mark.parametrize("page", ["bring-up", "calibration", "pinout", "wiring", "bom", "README"])
def test_a_page_says_what_is_unverified(page: str) -> None:
    assert "nverified on hardware" in (HARDWARE / f"{page}.md").read_text(encoding="utf-8")


# --------------------------------------------------------------------------- pins


def _pins(profile: BoardProfile) -> dict[int, str]:
    (evse,) = profile.evses
    assert evse.lock and evse.lock.feedback and evse.contactor and evse.mirror and profile.watchdog
    assert evse.residual_current and evse.residual_current_test
    return {
        evse.contactor.pin: "contactor coil",
        evse.mirror.pin: "mirror contact",
        evse.residual_current.pin: "residual-current fault",
        evse.residual_current_test.pin: "residual-current test",
        evse.lock.lock_pin.pin: "lock motor",
        evse.lock.unlock_pin.pin: "unlock motor",
        evse.lock.feedback.pin: "lock feedback",
        profile.watchdog.pin: "watchdog pulse",
    }


@pytest.mark.parametrize("board", BOARDS)
def test_the_pinout_agrees_with_the_profile(board: str) -> None:
    rows = [line.split("|") for line in (HARDWARE / "pinout.md").read_text(encoding="utf-8").splitlines()]
    table = {cells[1].strip(): cells[2].strip() for cells in rows if len(cells) > 6}
    for pin, use in _pins(load_profile(board)).items():
        assert table[use] == str(pin)
    pwm = load_profile(board).evses[0].pwm
    assert pwm is not None and any(f"`{pwm.device}`" in "|".join(cells) for cells in rows)


@pytest.mark.parametrize("board", BOARDS)
def test_the_reference_boards_differ_in_name_and_pwm_only(board: str) -> None:
    first, other = (
        [
            line
            for line in (HARDWARE / f"boards/{name}.toml").read_text(encoding="utf-8").splitlines()
            if not line.startswith(("#", "name", "device"))
        ]
        for name in ("reference-pi4", board)
    )
    assert first == other


@pytest.mark.parametrize("board", BOARDS)
def test_a_broken_wire_is_read_as_the_worse_case(board: str) -> None:
    """Pulled up and active high: without its wire the mirror contact says closed, the detector tripped."""
    (evse,) = load_profile(board).evses
    for part in (evse.mirror, evse.residual_current):
        assert part is not None and part.active_high and part.pull == "up"


def test_every_pi_has_its_config_txt() -> None:
    text = (HARDWARE / "pinout.md").read_text(encoding="utf-8")
    for model in ("Pi 3", "Zero 2 W", "Pi 4", "Pi 5"):
        section = text.split(f"### {model}\n", 1)[1].split("\n#", 1)[0]
        for line in ("dtoverlay=pwm,pin=12,func=4", "dtparam=spi=on", "enable_uart=1"):
            assert f"\n{line}\n" in section, (model, line)


# --------------------------------------------------------------------------- bill of materials


def test_the_bill_of_materials_is_complete_and_explained() -> None:
    with (HARDWARE / "bom.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["block", "part", "value", "count", "example", "why"]
    assert len(rows) > 40
    for row in rows:
        assert all(row[key] for key in ("block", "part", "value", "count", "why")), row
        assert row["count"].isdecimal()
    page = (HARDWARE / "bom.md").read_text(encoding="utf-8")
    for block in {row["block"] for row in rows}:
        assert f"## {block}\n" in page, f"bom.md does not explain the block {block}"
