from __future__ import annotations

from pathlib import Path

from controller.settings.catalog import CATALOG
from controller.settings.document import settings_markdown

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    hint = "run: python -m controller.settings.document > docs/settings.md"
    assert PAGE.read_text(encoding="utf-8") == settings_markdown(CATALOG), hint


def test_the_page_names_every_row_and_key() -> None:
    page = settings_markdown(CATALOG)
    for variable in CATALOG.variables:
        assert f"`{variable.full_name.removeprefix(variable.component + '.')}`" in page
        assert variable.key16 is None or f"`{variable.key16}`" in page
    for key in CATALOG.keys16:
        assert f"`{key.key}`" in page
