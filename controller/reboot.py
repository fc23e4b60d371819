"""Restart the machine: what a hard reset is for (1.6 5.14, errata 3.82).

Owns: running the owner's command and telling why the machine still runs.
Refuses to know: when to restart, how often to try, OCPP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

DEFAULT_COMMAND = ("systemctl", "reboot")
COMMAND_S = 30.0
"""A command that takes longer is ended: it hangs."""
DOWN_S = 60.0
"""So soon after the command the machine has told this process to end."""

Reboot = Callable[[], Awaitable[str]]
"""Returns only when the machine did not restart, with the reason in plain words."""


def reboot_by(command: Sequence[str], command_s: float = COMMAND_S, down_s: float = DOWN_S) -> Reboot:
    """A ``Reboot`` that runs ``command`` without a shell."""
    name = " ".join(command)

    async def reboot() -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"{name}: cannot be run: {error.strerror}; correct station.reboot_command"
        try:
            async with asyncio.timeout(command_s):
                _out, complaint = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return f"{name}: no end after {command_s:g} s"
        if process.returncode != 0:
            said = complaint.decode(errors="replace").strip()[-200:]
            return f"{name}: ended with {process.returncode}: {said or 'nothing said'}"
        await asyncio.sleep(down_s)
        return f"{name}: ended well, but the machine still runs after {down_s:g} s"

    return reboot
