import pytest

from controller.safety.config import PilotTimes, SafetyConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"rating_ma": 5_999},
        {"rating_ma": 80_001},
        {"rating_ma": 32_000, "cable_ma": 1_000},
        {"rating_ma": 32_000, "evse_id": 0},
        {"rating_ma": 32_000, "has_self_test": True},
    ],
)
def test_what_cannot_be_safe_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        SafetyConfig(**{"evse_id": 1, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["steady_ms", "let_go_ms", "raise_every_ms", "fault_pulse_ms", "proof_ms"])
def test_the_standards_times_cannot_be_undercut(name: str) -> None:
    with pytest.raises(ValueError, match=f"pilot {name}: found 1, expected"):
        PilotTimes(**{name: 1})


def test_a_vehicle_never_gets_more_than_6_s_to_let_go() -> None:
    with pytest.raises(ValueError, match="let_go_ms"):
        PilotTimes(let_go_ms=6_001)


def test_a_fixed_cable_without_a_figure_carries_the_rating() -> None:
    assert SafetyConfig(evse_id=1, rating_ma=32_000).fixed_cable_ma == 32_000
    assert SafetyConfig(evse_id=1, rating_ma=32_000, cable_ma=20_000).fixed_cable_ma == 20_000
