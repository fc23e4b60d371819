import pytest

from controller.safety.permit import LONGEST_LEASE_MS, Permit, accept, granted_ma

NOW = 1_000_000
GOOD = Permit(1, 77, 16_000, NOW + 10_000)


def test_a_good_permit_grants_its_limit() -> None:
    assert granted_ma(GOOD, 1, 77, 32_000, NOW) == 16_000


def test_a_permit_can_only_lower() -> None:
    assert granted_ma(GOOD, 1, 77, 13_000, NOW) == 13_000
    assert granted_ma(Permit(1, 77, 80_000, NOW + 1), 1, 77, 32_000, NOW) == 32_000
    assert granted_ma(Permit(1, 77, -5, NOW + 1), 1, 77, 32_000, NOW) == 0
    assert granted_ma(GOOD, 1, 77, -1, NOW) == 0


@pytest.mark.parametrize(
    ("permit", "evse_id", "plug_no", "now_ms"),
    [
        (None, 1, 77, NOW),
        (GOOD, 2, 77, NOW),
        (GOOD, 1, 78, NOW),
        (GOOD, 1, None, NOW),
        (GOOD, 1, 77, NOW + 10_000),
    ],
    ids=["none", "other EVSE", "other plug-in", "nobody connected", "expired at its instant"],
)
def test_no_lease(permit: Permit | None, evse_id: int, plug_no: int | None, now_ms: int) -> None:
    assert granted_ma(permit, evse_id, plug_no, 32_000, now_ms) is None


def test_the_last_millisecond_of_a_lease_counts() -> None:
    assert granted_ma(GOOD, 1, 77, 32_000, NOW + 9_999) == 16_000


def test_a_lease_is_cut_to_the_longest() -> None:
    assert accept(Permit(1, 77, 16_000, NOW + 10**9), NOW).expires_at_ms == NOW + LONGEST_LEASE_MS
    assert accept(GOOD, NOW) is GOOD
