"""Where the data files of the hardware live: board profiles and meter register maps.

Owns: finding them, in a wheel (``hal/data/...``, see force-include in pyproject.toml) or in a source
checkout (``hardware/...`` beside the package). Refuses to know: what is in them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_path(relative: str, package: Path = _PACKAGE) -> Path:
    """The file or directory at ``relative``, e.g. "boards" or "meters/models".

    Raises ``FileNotFoundError`` naming the places looked at: the installation is incomplete.
    """
    places = (package / "data" / relative, package.parent / "hardware" / relative)
    for place in places:
        if place.exists():
            return place
    looked = " nor ".join(str(place) for place in places)
    raise FileNotFoundError(f"data file {relative} not found: neither {looked} exists; reinstall joulepost")
