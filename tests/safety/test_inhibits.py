import pytest

from controller.safety.inhibits import CLEARING, Inhibit, InhibitSet, update

BY_ITSELF = {inhibit: rule.after_ms for inhibit, rule in CLEARING.items() if rule.after_ms is not None}


def hold(inhibit: Inhibit, since_ms: int = 1_000) -> InhibitSet:
    return update(InhibitSet(), 1 << inhibit, since_ms, vacant=False, reset=False)


def calm(inhibits: InhibitSet, now_ms: int, *, vacant: bool = False, reset: bool = False) -> InhibitSet:
    return update(inhibits, 0, now_ms, vacant=vacant, reset=reset)


def test_every_inhibit_has_a_clearing_rule_with_a_reason() -> None:
    assert set(CLEARING) == set(Inhibit)
    assert all(rule.why for rule in CLEARING.values())


def test_the_wire_numbers_have_no_gaps() -> None:
    assert [int(inhibit) for inhibit in Inhibit] == list(range(len(Inhibit)))


@pytest.mark.parametrize("inhibit", Inhibit)
def test_a_cause_sets_it_with_its_since_when(inhibit: Inhibit) -> None:
    inhibits = hold(inhibit, 1_234)
    assert inhibits.active() == {inhibit: 1_234} and inhibit in inhibits
    again = update(inhibits, 1 << inhibit, 9_999, vacant=True, reset=True)
    assert again is inhibits, "while the cause lasts nothing clears it, and the since-when stays"


@pytest.mark.parametrize(("inhibit", "after_ms"), BY_ITSELF.items())
def test_clears_by_itself(inhibit: Inhibit, after_ms: int) -> None:
    inhibits = calm(hold(inhibit), 2_000)
    if after_ms:
        assert inhibit in calm(inhibits, 2_000 + after_ms - 1)
    assert inhibit not in calm(inhibits, 2_000 + after_ms)


@pytest.mark.parametrize(("inhibit", "after_ms"), [(i, ms) for i, ms in BY_ITSELF.items() if ms])
def test_a_cause_that_comes_back_starts_the_time_again(inhibit: Inhibit, after_ms: int) -> None:
    inhibits = calm(hold(inhibit), 2_000)
    inhibits = update(inhibits, 1 << inhibit, 2_500, vacant=False, reset=False)
    inhibits = calm(inhibits, 3_000)
    assert inhibit in calm(inhibits, 2_000 + after_ms)
    assert inhibit not in calm(inhibits, 3_000 + after_ms)


@pytest.mark.parametrize("inhibit", set(Inhibit) - set(BY_ITSELF))
def test_a_latched_one_never_clears_by_itself(inhibit: Inhibit) -> None:
    assert inhibit in calm(calm(hold(inhibit), 2_000), 10**9)


@pytest.mark.parametrize("inhibit", Inhibit)
def test_unplugging_clears_only_what_says_so(inhibit: Inhibit) -> None:
    cleared = inhibit not in calm(hold(inhibit), 1_010, vacant=True)
    assert cleared is (CLEARING[inhibit].unplug or CLEARING[inhibit].after_ms == 0)


@pytest.mark.parametrize("inhibit", Inhibit)
def test_a_reset_clears_everything_without_a_cause(inhibit: Inhibit) -> None:
    assert not calm(hold(inhibit), 1_010, reset=True).mask


def test_a_welded_contactor_needs_a_reset() -> None:
    rule = CLEARING[Inhibit.CONTACTOR_WELDED]
    assert rule.after_ms is None and not rule.unplug


def test_a_residual_current_trip_needs_an_unplug_or_a_reset() -> None:
    rule = CLEARING[Inhibit.RESIDUAL_CURRENT]
    assert rule.after_ms is None and rule.unplug


def test_nothing_changes_nothing() -> None:
    empty = InhibitSet()
    assert calm(empty, 5) is empty
    waiting = calm(hold(Inhibit.PILOT_SHORT), 2_000)
    assert calm(waiting, 2_010) is waiting


def test_several_are_kept_apart() -> None:
    both = 1 << Inhibit.PILOT_SHORT | 1 << Inhibit.RESIDUAL_CURRENT
    inhibits = update(InhibitSet(), both, 1_000, vacant=False, reset=False)
    inhibits = update(inhibits, 1 << Inhibit.RESIDUAL_CURRENT, 1_010, vacant=False, reset=False)
    inhibits = update(inhibits, 1 << Inhibit.RESIDUAL_CURRENT, 2_010, vacant=False, reset=False)
    assert set(inhibits.active()) == {Inhibit.RESIDUAL_CURRENT}
