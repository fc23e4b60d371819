"""The report of OCPP 1.6 behaviours at the end of a test run (see ``tests.ocpp16.conformance``).

Every run writes ``build/ocpp16-conformance.md`` and ``.csv`` of the tests that ran. With ``--conformance``
(CI, a run of all tests) a behaviour without a passing test fails the run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ocpp16 import conformance

ROOT = Path(__file__).parent.parent
_WORST = ("passed", "skipped", "failed")
OUTCOMES = pytest.StashKey[dict[str, str]]()
REPORT = pytest.StashKey[list[conformance.Line]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", action="store_true", help="fail when a behaviour of OCPP 1.6 has no passing test"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}
    config.pluginmanager.register(_Collector(config), "ocpp16-conformance")


class _Collector:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes = config.stash[OUTCOMES]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not conformance.ids_of(report.nodeid):
            return
        before = self._outcomes.get(report.nodeid, "passed")
        self._outcomes[report.nodeid] = max(before, report.outcome, key=_WORST.index)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workerinput") or not self._outcomes:
            return  # a worker of a distributed run: the main process has all outcomes
        left_out = conformance.reasons((ROOT / "docs/ocpp16/left-out.md").read_text(encoding="utf-8"))
        report = conformance.lines(conformance.checklist(), self._outcomes, left_out)
        self._config.stash[REPORT] = report
        build = ROOT / "build"
        build.mkdir(exist_ok=True)
        text = conformance.markdown(report, "OCPP 1.6: behaviours and their tests")
        (build / "ocpp16-conformance.md").write_text(text, encoding="utf-8")
        (build / "ocpp16-conformance.csv").write_text(conformance.table(report), encoding="utf-8")
        asked = self._config.getoption("--conformance")
        if asked and session.exitstatus == pytest.ExitCode.OK and any(line.gap for line in report):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        report = self._config.stash.get(REPORT, None)
        if report is None:
            return
        terminalreporter.write_line(f"{conformance.summary(report)} (build/ocpp16-conformance.md)")
        if self._config.getoption("--conformance"):
            for line in report:
                if line.gap:
                    one = line.behaviour
                    terminalreporter.write_line(f"  gap: {one.id} [{one.level}] {line.result}: {one.text}")
