"""The restart that a reset ends in (1.6 5.14, 9.1.22; 2.0.1 B11, B12).

Owns: what is waited for before it, the attempts to restart the machine, and the restart of this program when
that is all that can be done.
Refuses to know: when a reset is due (``domain.restarts``), how the machine is restarted (``reboot``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from controller.csms.client import Client
from controller.domain.commands import ResetKind
from controller.domain.inputs import Input, RestartFailed
from controller.reboot import Reboot
from controller.settings.catalog import RESET_RETRIES
from controller.settings.settings import Settings

DELIVERY_S = 10.0
"""Before a restart that a CSMS asked for, what happened is delivered, if that takes no longer."""
TELL_S = 2.0
"""A status that a restart would hide is told first."""


class Restarter:
    """``reboot``: restarts the machine; None = a hard reset restarts the controller alone. ``end``: ends the
    program so that its supervisor starts it again."""

    def __init__(
        self,
        client: Client | None,
        reboot: Reboot | None,
        settings: Settings,
        take: Callable[[Input], object],
        say: Callable[[str], None],
        end: Callable[[], None],
    ) -> None:
        self._client = client
        self._reboot = reboot
        self._settings = settings
        self._take = take
        self._say = say
        self._end = end

    async def restart(self, kind: ResetKind) -> None:
        """After the answer to the reset, and after the last transaction messages if they can be delivered."""
        if self._client is not None:
            answered = asyncio.Event()
            self._client.after_answer(answered.set)
            await answered.wait()
            await self._delivered(self._client)
        if kind is ResetKind.IMMEDIATE and self._reboot is not None:
            await self._restart_machine(self._reboot)
        self._say(f"reset ({kind}): restarting")
        self._end()

    async def _restart_machine(self, reboot: Reboot) -> None:
        """1.6 9.1.22 ResetRetries. Returns when it cannot be done; a restart of the controller is better than
        none. When it can, the service manager ends this process meanwhile."""
        why = ""
        for _attempt in range(1 + self._settings[RESET_RETRIES]):
            self._say("reset: restarting the machine")
            why = await reboot()
            self._say(f"reset: {why}")
        self._take(RestartFailed(why))
        await asyncio.sleep(TELL_S)
        if self._client is not None:
            await self._delivered(self._client)

    async def _delivered(self, client: Client) -> None:
        if client.online:
            await client.drained(DELIVERY_S)
