from __future__ import annotations

from pathlib import Path

from controller.local.faults_document import page


def test_the_page_is_current() -> None:
    hint = "run: python -m controller.local.faults_document > docs/faults.md"
    assert Path("docs/faults.md").read_text(encoding="utf-8") == page(), hint
