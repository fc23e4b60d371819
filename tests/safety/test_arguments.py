from pathlib import Path

import pytest

from controller.safety.arguments import read
from controller.safety.log import Level
from hal.profile import ProfileError


def test_what_is_not_said_is_that_of_an_installation() -> None:
    options = read(["--board", "simulated"])
    assert options.profile.name == "simulated" and len(options.profile.evses) == 1
    assert (options.root, options.runtime) == (Path("/"), Path("/run/joulepost"))
    assert (options.log_level, options.late_budget_ms, options.outputs_off) == (Level.INFO, 100, False)


def test_everything_can_be_said() -> None:
    said = (
        "--board simulated --evses 3 --root a --runtime b --log-level error --late-budget-ms 20 --outputs-off"
    )
    options = read(said.split())
    assert len(options.profile.evses) == 3 and (options.root, options.runtime) == (Path("a"), Path("b"))
    assert (options.log_level, options.late_budget_ms, options.outputs_off) == (Level.ERROR, 20, True)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", "--board"),
        ("--board simulated --late-budget-ms 5", "found 5, expected 20..10000"),
        ("--board simulated --log-level loud", "loud"),
        ("--board simulated --evses many", "many"),
    ],
)
def test_a_wrong_argument_is_named(said: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read(said.split())
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_a_wrong_profile_is_the_profiles_error() -> None:
    with pytest.raises(ProfileError, match="no-such-board"):
        read(["--board", "no-such-board"])
