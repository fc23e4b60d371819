"""One presentation is one swipe, however often a reader repeats the card.

Owns: the rule. Refuses to know: readers, the clock (``now_s`` is any monotonic time). Pure.
"""

from __future__ import annotations

REPEAT_S = 3.0
"""The same card within this time after a swipe is ignored."""
ABSENT_S = 1.0
"""A card counts as taken away when it was not seen for this long."""


class Presentations:
    """Which sightings of cards are swipes.

    A card is a swipe when it was absent for ``ABSENT_S`` and its last swipe is ``REPEAT_S`` ago. A card
    that stays on the reader is one swipe, for ever. Cards are judged each by itself, so two cards in
    the field at once are two swipes, not a flood. Cards not seen for ``REPEAT_S`` are forgotten.
    """

    def __init__(self) -> None:
        self._cards: dict[str, tuple[float, float]] = {}  # uid -> swiped at, seen at

    def is_swipe(self, uid: str, now_s: float) -> bool:
        """Note that a card is seen; True when that begins a presentation."""
        self._cards = {
            other: (swiped_s, seen_s)
            for other, (swiped_s, seen_s) in self._cards.items()
            if now_s - seen_s < REPEAT_S or now_s - swiped_s < REPEAT_S
        }
        if uid in self._cards:
            swiped_s, seen_s = self._cards[uid]
            if now_s - seen_s < ABSENT_S or now_s - swiped_s < REPEAT_S:
                self._cards[uid] = (swiped_s, now_s)
                return False
        self._cards[uid] = (now_s, now_s)
        return True
