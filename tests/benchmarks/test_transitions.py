"""The pages drawn from the code are current."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import transitions
from benchmarks.transitions import EVENTS, STANDS, follow, main, safety_page, transitions_page
from controller.safety.timing import TIMINGS


def test_the_transition_table_is_current() -> None:
    assert transitions.TRANSITIONS.read_text(encoding="utf-8") == transitions_page(), (
        "run python -m benchmarks.transitions"
    )


def test_the_times_in_safety_md_are_current() -> None:
    text = transitions.SAFETY.read_text(encoding="utf-8")
    assert text == safety_page(text), "run python -m benchmarks.transitions"
    assert all(one.demand in text for one in TIMINGS)


def test_every_stand_is_where_its_name_says() -> None:
    for name, stand in STANDS.items():
        bench = stand()
        assert bench.name == name.partition(",")[0]
        assert bench.outputs.contactor_closed is (name in ("C2", "D2", "C1, letting go"))


def test_what_follows_is_measured() -> None:
    assert follow(STANDS["C2"], EVENTS["vehicle shows B"]) == [(20, "**off**"), (20, "B2")]
    assert follow(STANDS["C2"], EVENTS["permit of 0 A"]) == [(10, "C1"), (6_010, "**off**")]


def test_check_tells_what_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "safety.md"
    old.write_text(f"before\n{transitions.BEGIN}\nstale row\n{transitions.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(transitions, "SAFETY", old)
    monkeypatch.setattr(transitions, "TRANSITIONS", tmp_path / "transitions.md")
    assert main(["--check"]) == 1
    assert "safety.md is out of date" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    text = old.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale row" not in text
    old.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="marks not found"):
        main(["--check"])
