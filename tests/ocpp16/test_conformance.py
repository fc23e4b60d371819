"""The report itself: names to ids, results to gaps, and that every test names a behaviour that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ocpp16.conformance import (
    Behaviour,
    checklist,
    documented,
    functions_in,
    ids_of,
    lines,
    markdown,
    proofs,
    reasons,
    summary,
    table,
    unknown_ids,
)

TESTS = Path(__file__).parent.parent
MUST = Behaviour("16.SC.01", "M", "Smart charging", "3.13.1", "A | B")
OPTIONAL = Behaviour("16.SC.02", "O", "Smart charging", "3.13.1", "C")


def test_a_name_carries_ids() -> None:
    assert ids_of("tests/a.py::test_16_CORE_02_16_CORE_110_B01_FR_05_x[16.9]") == [
        "16.CORE.02",
        "16.CORE.110",
    ]
    assert ids_of("tests/16_CORE_01/a.py::test_other") == []


def test_every_id_in_a_test_name_is_in_the_checklist() -> None:
    assert unknown_ids(functions_in(TESTS), checklist()) == []
    assert unknown_ids(["a.py::test_16_CORE_999_x"], checklist()) == [
        "16.CORE.999 (a.py::test_16_CORE_999_x)"
    ]


def test_the_published_report_names_the_tests_there_are() -> None:
    """docs/ocpp16/conformance.md is build/ocpp16-conformance.md of a run of all tests."""
    found = documented((TESTS.parent / "docs/ocpp16/conformance.md").read_text(encoding="utf-8"))
    assert {id_: tests for id_, tests in found.items() if tests} == proofs(functions_in(TESTS))
    assert list(found) == [one.id for one in checklist()]


def test_the_checklist_is_whole() -> None:
    found = checklist()
    assert len(found) == 285
    assert {one.level for one in found} == {"M", "S", "C", "O", "I"}


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,level,section,source,behaviour\n16.A.01,M,s,1,x\n16.A.01,M,s,1,y\n")
    with pytest.raises(ValueError, match=r"16\.A\.01"):
        checklist(path)


@pytest.mark.parametrize(
    ("outcomes", "result", "gap"),
    [
        ({}, "no test", True),
        ({"t.py::test_16_SC_01_x": "passed"}, "passed", False),
        ({"t.py::test_16_SC_01_x[a]": "passed", "t.py::test_16_SC_01_x[b]": "failed"}, "failed", True),
        ({"t.py::test_16_SC_01_x": "skipped"}, "skipped", True),
        ({"t.py::test_16_SC_01_x": "skipped", "t.py::test_16_SC_01_y": "passed"}, "passed", False),
    ],
)
def test_a_must_needs_a_passing_test(outcomes: dict[str, str], result: str, gap: bool) -> None:
    (line,) = lines([MUST], outcomes, {"16.SC.01": "a reason does not help"})
    expected = "left out" if result == "no test" else result
    assert (line.result, line.gap) == (expected, gap)


def test_an_optional_one_needs_a_test_or_a_reason() -> None:
    (line,) = lines([OPTIONAL], {}, {})
    assert line.gap
    left_out = reasons("| id | reason |\n|---|---|\n| 16.SC.02 | no hardware for it |\n")
    (line,) = lines([OPTIONAL], {}, left_out)
    assert (line.result, line.gap, line.reason) == ("left out", False, "no hardware for it")


def test_the_report_shows_id_test_and_result() -> None:
    report = lines([MUST, OPTIONAL], {"tests/x/test_y.py::test_16_SC_01_z[1]": "passed"}, {})
    assert summary(report) == "OCPP 1.6 conformance: passed M 1/1, S 0/0, C 0/0, O 0/1, I 0/0; gaps: 1"
    text = markdown(report, "T")
    assert "| 16.SC.01 | M | A \\| B | 3.13.1 | passed | `x/test_y::test_16_SC_01_z` |" in text
    assert "16.SC.01,M,passed,tests/x/test_y.py::test_16_SC_01_z" in table(report)
