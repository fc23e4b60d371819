"""Too warm: a ladder per sensor that lowers the current and at its end stops.

Owns: thresholds and their bounds, the hysteresis, when a sensor counts as lost and what that costs.
Refuses to know: what a sensor is, how its value was read, what else limits the current.

Going up, a rung is taken once the sensor was above its threshold for ``hold_ms``; going down, once it is
below by the distance from ``derate`` to ``restart``. After a stop the sensor has to come down to
``restart`` at once. Heat moves slowly, so nothing here opens a contactor under load: at the stop the
offer ends (x1), the vehicle lets go, and the contactor opens at the latest after 6 s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from controller.safety.permit import MINIMUM_OFFER_MA

LOWEST_MDEG_C, HIGHEST_MDEG_C = -50_000, 150_000
"""A value outside is nonsense, as if the sensor had not answered."""


class Rung(IntEnum):
    FREE = 0
    HALF = 1
    QUARTER = 2
    STOP = 3


_SHARE_PM = {Rung.HALF: 500, Rung.QUARTER: 250}


@dataclass(frozen=True, slots=True)
class Ladder:
    """One sensor. Thousandths of a degree; defaults are those of a peer proven in the field. Raises
    ``ValueError``.

    ``stop_when_lost`` False: a lost sensor costs three quarters of the current instead of all.
    """

    name: str
    derate_mdeg_c: int = 65_000
    derate_more_mdeg_c: int = 68_000
    stop_mdeg_c: int = 71_000
    restart_mdeg_c: int = 62_000
    stop_when_lost: bool = True
    hold_ms: int = 1_500
    lost_ms: int = 3_000

    def __post_init__(self) -> None:
        rising = (self.restart_mdeg_c, self.derate_mdeg_c, self.derate_more_mdeg_c, self.stop_mdeg_c)
        if not (30_000 <= rising[0] < rising[1] < rising[2] < rising[3] <= 100_000):
            raise ValueError(
                f"temperature sensor {self.name}: found restart, derate, derate_more, stop {rising} mdeg C, "
                "expected rising values within 30000..100000"
            )
        for name, low, high in (("hold_ms", 0, 10_000), ("lost_ms", 0, 60_000)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"temperature sensor {self.name} {name}: found {getattr(self, name)}, "
                    f"expected {low}..{high}"
                )

    def rung_at(self, mdeg_c: int) -> Rung:
        """The rung of a temperature without a history."""
        if mdeg_c >= self.stop_mdeg_c:
            return Rung.STOP
        if mdeg_c >= self.derate_more_mdeg_c:
            return Rung.QUARTER
        return Rung.HALF if mdeg_c >= self.derate_mdeg_c else Rung.FREE

    def leave_at(self, rung: Rung) -> int:
        """The temperature at or below which a rung is left."""
        if rung is Rung.STOP or rung is Rung.HALF:
            return self.restart_mdeg_c
        return self.derate_more_mdeg_c - (self.derate_mdeg_c - self.restart_mdeg_c)


@dataclass(frozen=True, slots=True)
class Sensor:
    """``mdeg_c``: the last valid value, None = none yet."""

    rung: Rung = Rung.FREE
    mdeg_c: int | None = None
    hotter_since_ms: int | None = None
    silent_since_ms: int | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Temperature:
    """All sensors of one EVSE, in the order of their ladders."""

    sensors: tuple[Sensor, ...] = ()

    @property
    def hottest_mdeg_c(self) -> int | None:
        """The highest of the sensors that answer; None = no such sensor."""
        return max(
            (one.mdeg_c for one in self.sensors if one.mdeg_c is not None and not one.lost), default=None
        )

    @property
    def lost(self) -> int:
        """How many sensors are lost."""
        return sum(one.lost for one in self.sensors)

    @property
    def known(self) -> bool:
        """Every sensor has given a value, or is known to be lost."""
        return all(one.mdeg_c is not None or one.lost for one in self.sensors)


def initial(ladders: tuple[Ladder, ...]) -> Temperature:
    return Temperature(tuple(Sensor() for _ in ladders))


def observe(
    state: Temperature, ladders: tuple[Ladder, ...], values: tuple[int | None, ...], now_ms: int
) -> Temperature:
    """Take in one value per sensor, None = it did not answer. Returns ``state`` itself when nothing changes.

    A value that is missing altogether (fewer values than ladders) counts as not answered.
    """
    if not ladders:
        return state
    padded = values + (None,) * (len(ladders) - len(values))
    sensors = tuple(
        _follow(sensor, ladder, value, now_ms)
        for sensor, ladder, value in zip(state.sensors, ladders, padded, strict=False)
    )
    return state if sensors == state.sensors else Temperature(sensors)


def _follow(sensor: Sensor, ladder: Ladder, value: int | None, now_ms: int) -> Sensor:
    if value is None or not LOWEST_MDEG_C <= value <= HIGHEST_MDEG_C:
        if sensor.lost:
            return sensor
        if sensor.silent_since_ms is None:
            return replace(sensor, silent_since_ms=now_ms)
        if now_ms - sensor.silent_since_ms < ladder.lost_ms:
            return sensor
        return replace(sensor, lost=True, hotter_since_ms=None)
    rung, hotter_since = sensor.rung, sensor.hotter_since_ms
    hotter = ladder.rung_at(value) > rung
    if not hotter:
        hotter_since = None
        if rung is not Rung.FREE and value <= ladder.leave_at(rung):
            rung = ladder.rung_at(value) if rung is Rung.STOP else Rung(rung - 1)
    elif hotter_since is None:
        hotter_since = now_ms
    if hotter and hotter_since is not None and now_ms - hotter_since >= ladder.hold_ms:
        rung, hotter_since = ladder.rung_at(value), None
    found = Sensor(rung, value, hotter_since)
    return sensor if found == sensor else found


def limit_ma(state: Temperature, ladders: tuple[Ladder, ...], rating_ma: int) -> int | None:
    """What the warmest or least known sensor allows, in mA; None = no limit, 0 = stop.

    A share of the rating, but not below 6 A: less cannot be offered, and stopping is the stop's business.
    """
    limits = [
        _sensor_limit(sensor, ladder, rating_ma)
        for sensor, ladder in zip(state.sensors, ladders, strict=True)
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _sensor_limit(sensor: Sensor, ladder: Ladder, rating_ma: int) -> int | None:
    rung = sensor.rung
    if sensor.lost:
        rung = Rung.STOP if ladder.stop_when_lost else max(rung, Rung.QUARTER)
    if rung is Rung.FREE:
        return None
    if rung is Rung.STOP:
        return 0
    return max(MINIMUM_OFFER_MA, rating_ma * _SHARE_PM[rung] // 1000)


def too_hot(state: Temperature) -> bool:
    """Some sensor that answers says stop."""
    return any(sensor.rung is Rung.STOP for sensor in state.sensors)


def blind(state: Temperature, ladders: tuple[Ladder, ...]) -> bool:
    """Some sensor is lost whose loss means stop."""
    return any(
        sensor.lost and ladder.stop_when_lost for sensor, ladder in zip(state.sensors, ladders, strict=True)
    )
