from pathlib import Path

import pytest

from controller.local.sockets import PathTooLong, check_length, find_runtime


def test_the_order_of_the_search(tmp_path: Path) -> None:
    both = {"JOULEPOST_RUNTIME": "/e/run", "JOULEPOST_DIR": "/e"}
    assert find_runtime(Path("/d"), Path("/r"), both) == Path("/r")
    assert find_runtime(Path("/d"), None, both) == Path("/d/run")
    assert find_runtime(None, None, both) == Path("/e/run")
    assert find_runtime(None, None, {"JOULEPOST_DIR": "/e"}) == Path("/e/run")
    assert find_runtime(None, None, {}, tmp_path) == Path("/run/joulepost")
    (tmp_path / "station.toml").touch()
    assert find_runtime(None, None, {}, tmp_path) == tmp_path / "run"


def test_107_bytes_are_allowed_and_bytes_are_counted_not_letters() -> None:
    path = Path("/" + "a" * 106)
    assert check_length(path) is path
    with pytest.raises(PathTooLong, match="108 bytes"):
        check_length(Path("/" + "a" * 107))
    with pytest.raises(PathTooLong):
        check_length(Path("/" + "ä" * 60))
