from itertools import product

from controller.safety.gate import may_be_closed
from controller.safety.inhibits import Inhibit, InhibitSet, update
from controller.safety.pilot import Pilot

NONE = InhibitSet()


def test_the_whole_truth_table() -> None:
    one = update(NONE, 1, 0, vacant=False, reset=False)
    open_ways = 0
    both = (False, True)
    for inhibits, pilot in product((NONE, one), Pilot):
        for ventilation, offering, prepared, letting_go in product(both, both, both, both):
            asks = pilot is Pilot.C or (pilot is Pilot.D and ventilation)
            expected = inhibits is NONE and asks and ((offering and prepared) or letting_go)
            assert may_be_closed(inhibits, pilot, ventilation, offering, prepared, letting_go) is expected
            open_ways += not expected
    assert open_ways == 192 - 15


def test_each_inhibit_alone_keeps_it_open() -> None:
    for inhibit in Inhibit:
        inhibits = update(NONE, 1 << inhibit, 0, vacant=False, reset=False)
        assert not may_be_closed(inhibits, Pilot.C, True, True, True, True)
