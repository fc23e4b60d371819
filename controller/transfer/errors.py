"""Why a transfer failed, with the reason that the rules go by."""

from __future__ import annotations

from controller.domain.tasks.transfers import Location, TransferFault


class TransferError(Exception):
    """``fault``: the kind of reason. The text names what, where, found and what to do; never a password."""

    def __init__(self, fault: TransferFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class Cut(Exception):
    """The transfer was cancelled from outside. Never leaves this package."""


def cleaned(text: str, location: Location) -> str:
    """What a server said, on one line, of bounded length, without the credentials it was given."""
    for secret in (location.password, location.user):
        if len(secret) > 1:
            text = text.replace(secret, "***")
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= 200 else shown[:200] + "..."
