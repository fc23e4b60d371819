from __future__ import annotations

from pathlib import Path

from controller.csms.security_document import security_markdown
from controller.csms.tls import SUITES_12, SUITES_13
from controller.domain.security.events import SECURITY_EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_page_is_current() -> None:
    hint = "run: python -m controller.csms.security_document > docs/security.md"
    assert PAGE.read_text(encoding="utf-8") == security_markdown(), hint


def test_the_page_names_every_profile_suite_and_event() -> None:
    page = security_markdown()
    for name in (*SUITES_12.values(), *SUITES_13, *SECURITY_EVENTS):
        assert f"`{name}`" in page
    for profile in range(4):
        assert f"\n| {profile} | " in page
