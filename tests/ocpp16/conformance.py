"""The conformance report of OCPP 1.6: which test proves which behaviour of the checklist, and how it ended.

Owns: ``checklist.csv`` (every behaviour of the standard, its errata and the security white paper once, with
a level), the names of tests as the link to it (``test_16_CORE_47_...``; a name may carry several ids), the
report of a test run, and what counts as a gap.
Refuses to know: pytest (``tests.conftest`` hands in results), what a test does.

Levels: M must, S should, C conditional, O optional, I inferred (not literal in the text). M, S and C need a
passing test; O and I need one or a written reason in ``docs/ocpp16/left-out.md``.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKLIST = Path(__file__).with_name("checklist.csv")
NEEDED = ("M", "S", "C")
_ID = re.compile(r"16_([A-Z]+)_([0-9]{2,3})(?![0-9])")
_SHOWN = re.compile(r"`([^`]+::[^`]+)`")
_LEFT_OUT = re.compile(r"^\|\s*(16\.[A-Z]+\.[0-9]+)\s*\|\s*(.+?)\s*\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One row of the checklist. ``source``: sections; plain = 1.6, E = its errata, J = OCPP-J, JE = errata of
    that, W: = security white paper edition 3."""

    id: str
    level: str
    section: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One behaviour after a run. ``result``: "passed", "failed", "skipped", "left out" or "no test"."""

    behaviour: Behaviour
    tests: tuple[str, ...]
    result: str
    reason: str = ""

    @property
    def gap(self) -> bool:
        """It needs a passing test (or a reason) and has none."""
        if self.result == "failed":
            return True
        if self.behaviour.level in NEEDED:
            return self.result != "passed"
        return self.result not in ("passed", "left out")


def checklist(path: Path = CHECKLIST) -> list[Behaviour]:
    """Every behaviour, in the order of the file. Raises ``ValueError`` for an id that stands twice."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [Behaviour(*row) for row in list(csv.reader(file))[1:]]
    twice = {row.id for row in rows if sum(other.id == row.id for other in rows) > 1}
    if twice:
        raise ValueError(f"{path}: found twice: {', '.join(sorted(twice))}; expected each id once")
    return rows


def ids_of(name: str) -> list[str]:
    """The behaviours a test's name carries: ``test_16_SC_06_16_SC_10_x`` -> 16.SC.06, 16.SC.10."""
    function = name.rpartition("::")[2].partition("[")[0]
    return list(dict.fromkeys(f"16.{block}.{number}" for block, number in _ID.findall(function)))


def reasons(document: str) -> dict[str, str]:
    """What ``left-out.md`` says: id -> reason."""
    return dict(_LEFT_OUT.findall(document))


def lines(
    behaviours: Sequence[Behaviour], outcomes: Mapping[str, str], left_out: Mapping[str, str]
) -> list[Line]:
    """The report. ``outcomes``: test (node id) -> "passed", "failed" or "skipped"."""
    by_id: dict[str, list[str]] = {}
    for test in outcomes:
        for id_ in ids_of(test):
            by_id.setdefault(id_, []).append(test)
    found = []
    for behaviour in behaviours:
        tests = by_id.get(behaviour.id, [])
        results = {outcomes[test] for test in tests}
        names = tuple(dict.fromkeys(test.partition("[")[0] for test in tests))
        reason = left_out.get(behaviour.id, "")
        result = next((one for one in ("failed", "passed", "skipped") if one in results), "")
        found.append(Line(behaviour, names, result or ("left out" if reason else "no test"), reason))
    return found


def functions_in(folder: Path) -> list[str]:
    """Every test function below a folder, as pytest names it without parameters."""
    found = []
    for path in sorted(folder.rglob("test_*.py")):
        place = path.relative_to(folder.parent).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            before = f"{place}::{node.name}::" if isinstance(node, ast.ClassDef) else f"{place}::"
            found += [f"{before}{one.name}" for one in inner if isinstance(one, ast.FunctionDef)]
    return found


def documented(text: str) -> dict[str, set[str]]:
    """The tests that a report names, by id."""
    rows = [row.strip("|").split(" | ") for row in text.splitlines() if row.startswith("| 16.")]
    return {row[0].strip(): set(_SHOWN.findall(row[-1])) for row in rows}


def unknown_ids(names: Iterable[str], behaviours: Sequence[Behaviour]) -> list[str]:
    """Ids in names of tests that are not in the checklist: a slip of the pen would look like a proof."""
    known = {behaviour.id for behaviour in behaviours}
    return sorted({f"{id_} ({name})" for name in names for id_ in ids_of(name) if id_ not in known})


def summary(report: Sequence[Line]) -> str:
    """One line: how many of each level passed."""
    parts = []
    for level in ("M", "S", "C", "O", "I"):
        mine = [line for line in report if line.behaviour.level == level]
        passed = sum(line.result == "passed" for line in mine)
        parts.append(f"{level} {passed}/{len(mine)}")
    gaps = sum(line.gap for line in report)
    return f"OCPP 1.6 conformance: passed {', '.join(parts)}; gaps: {gaps}"


def markdown(report: Sequence[Line], title: str) -> str:
    """The report for people: one table a section."""
    out = [f"# {title}", "", summary(report) + ".", ""]
    out += [
        "Levels: M must, S should, C conditional, O optional, I inferred. Sources: plain = 1.6 edition 2,",
        "E = its errata, J = OCPP-J 1.6, JE = errata of that, W = security white paper edition 3.",
    ]
    section = ""
    for line in report:
        one = line.behaviour
        if one.section != section:
            section = one.section
            out += ["", f"## {section}", "", "| id | level | behaviour | source | result | tests |"]
            out.append("|---|---|---|---|---|---|")
        tests = "<br>".join(f"`{_short(test)}`" for test in line.tests) or line.reason or "-"
        text = one.text.replace("|", "\\|")
        out.append(f"| {one.id} | {one.level} | {text} | {one.source} | {line.result} | {tests} |")
    return "\n".join(out) + "\n"


def _short(test: str) -> str:
    path, _, name = test.partition("::")
    return f"{path.removeprefix('tests/').removesuffix('.py')}::{name}"


def proofs(tests: Iterable[str]) -> dict[str, set[str]]:
    """The tests that carry an id, by id, as a report shows them."""
    found: dict[str, set[str]] = {}
    for test in tests:
        for id_ in ids_of(test):
            found.setdefault(id_, set()).add(_short(test))
    return found


def table(report: Sequence[Line]) -> str:
    """The same for programs: CSV with id, level, result, tests."""
    rows = ["id,level,result,tests"]
    for line in report:
        result = line.result
        rows.append(f"{line.behaviour.id},{line.behaviour.level},{result},{' '.join(line.tests)}")
    return "\n".join(rows) + "\n"
