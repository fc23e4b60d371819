import pytest

from controller.safety.proximity import NO_PLUG, SHORT, Coding, coding_ma, observe


@pytest.mark.parametrize(
    ("ohm", "ma"),
    [
        (None, NO_PLUG),
        (0, SHORT),
        (59, SHORT),
        (79, SHORT),
        (80, 63_000),
        (100, 63_000),
        (140, 63_000),
        (141, 32_000),  # gap: the lower ampacity
        (164, 32_000),
        (220, 32_000),
        (308, 32_000),
        (309, 20_000),  # gap
        (680, 20_000),
        (936, 20_000),
        (937, 13_000),  # gap
        (1_500, 13_000),
        (2_460, 13_000),
        (2_461, NO_PLUG),
        (4_500, NO_PLUG),
    ],
)
def test_IEC_annex_B_coding(ohm: int | None, ma: int) -> None:
    assert coding_ma(ohm) == ma


def settle(start: Coding, ohms: list[int | None], fixed: bool = False) -> Coding:
    for index, ohm in enumerate(ohms):
        start = observe(start, ohm, fixed, index * 10, 300)
    return start


def test_a_plug_is_believed_after_300_ms() -> None:
    assert settle(Coding(), [220] * 30).value_ma == NO_PLUG
    assert settle(Coding(), [220] * 31).value_ma == 32_000


def test_a_worse_cable_is_believed_at_the_second_reading() -> None:
    assert settle(Coding(63_000), [220]).value_ma == 63_000
    assert settle(Coding(63_000), [220, 220]).value_ma == 32_000
    assert settle(Coding(63_000), [220, None]).value_ma == NO_PLUG
    assert settle(Coding(63_000), [None, 680, 220]).value_ma == 20_000


def test_one_odd_reading_is_forgotten() -> None:
    assert settle(Coding(32_000), [None, 220, 220] * 50).value_ma == 32_000


def test_a_wire_that_comes_and_goes_is_lost_at_the_fifth_reading() -> None:
    assert settle(Coding(32_000), [None, 220, None, 220]).value_ma == 32_000
    assert settle(Coding(32_000), [None, 220, None, 220, None]).value_ma == NO_PLUG


def test_while_a_vehicle_is_connected_the_cable_cannot_become_better() -> None:
    assert settle(Coding(20_000), [100] * 100, fixed=True).value_ma == 20_000
    assert settle(Coding(20_000), [100] * 100).value_ma == 63_000


def test_a_lost_plug_may_be_found_again_while_connected() -> None:
    assert settle(Coding(NO_PLUG), [680] * 31, fixed=True).value_ma == 20_000


def test_a_cable_that_was_lost_does_not_come_back_as_a_better_one() -> None:
    lost = settle(Coding(20_000), [None, None], fixed=True)
    assert lost.value_ma == NO_PLUG
    assert settle(lost, [100] * 31, fixed=True).value_ma == 20_000
    shorted = settle(Coding(20_000), [0, 0], fixed=True)
    assert shorted.value_ma == SHORT and settle(shorted, [100] * 31, fixed=True).value_ma == 20_000
    worse = settle(settle(lost, [1_500] * 31, fixed=True), [680] * 50, fixed=True)
    assert worse.value_ma == 13_000, "the lowest coding of this plug-in counts"
    assert settle(worse, [100] * 31, fixed=False).value_ma == 63_000, "another vehicle, another cable"


def test_nothing_new_makes_no_new_object() -> None:
    steady = settle(Coding(), [220] * 40, fixed=True)
    assert observe(steady, 220, True, 999_999, 300) is steady
