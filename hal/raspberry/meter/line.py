"""One Modbus bus, shared by all meters on it: who may talk, how long to wait, when to start over.

Owns: the pymodbus client, one transaction at a time, retries, the flush of late answers.
Refuses to know: register maps, readings.

A late answer is the danger on a serial line: RTU frames carry no transaction number, so the answer to
yesterday's question looks like one to today's. Therefore after any request without its answer the line
is listened to until it has been silent for a whole timeout, and an answer of the wrong function or
length is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import termios
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from hal.interface import HardwareError
from hal.profile import MeterProfile, ProfileError
from hal.raspberry.meter.link import Link

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

    Client = AsyncModbusSerialClient | AsyncModbusTcpClient

RETRIES = 2
_CONNECT_TIMEOUT_S = 3.0
_BUSY_PAUSE_S = 0.1
_LISTEN_ROUNDS = 4
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}
_FINAL = frozenset({1, 2, 3})  # asking again changes nothing

_lines: WeakValueDictionary[str, Line] = WeakValueDictionary()
"""The buses in use. A serial port exists once in a process (and is opened exclusively), so this does too."""


class RegisterRefused(HardwareError):
    """The meter answered with a Modbus exception."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class MeterSilent(HardwareError):
    """No usable answer in all attempts."""


class _NoAnswer(Exception):
    """One attempt failed; another may do better."""


def shared_line(profile: MeterProfile, link: Link) -> Line:
    """The line of this link: the one that other meters on it already use, or a new one.

    Raises ``ProfileError`` when another meter uses the port with other serial settings.
    """
    settings = (profile.baud, profile.parity, profile.stop_bits) if link.kind == "rtu" else None
    line = _lines.get(link.place)
    if line is None:
        line = Line(profile, link)
        _lines[link.place] = line
        line.settings = settings
    elif line.settings != settings:
        raise ProfileError(
            f"meter: link: {link.text} is used with the serial settings {line.settings} by another meter "
            f"and with {settings} by this one; meters on one line need the same baud, parity and stop_bits"
        )
    return line


class Line:
    """A bus. Opens on the first request, and again after a failure."""

    settings: tuple[int, str, int] | None = None

    def __init__(self, profile: MeterProfile, link: Link) -> None:
        self._link = link
        self._place = link.place
        self._profile = profile
        self._users = 0
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: asyncio.Lock | None = None
        self._received = 0  # how often bytes arrived
        self._unanswered = False  # an answer may still be under way
        self._free_at = 0.0
        self._expected = 0  # function code asked for

    def enter(self) -> None:
        """One more meter uses this line."""
        self._users += 1

    def leave(self) -> None:
        """A meter is closed; the last one closes the port."""
        self._users -= 1
        if self._users == 0:
            self._drop_client()
            if _lines.get(self._place) is self:
                del _lines[self._place]

    async def request(
        self, unit: int, function: int, address: int, count: int, timeout_s: float, retries: int = RETRIES
    ) -> list[int]:
        """``count`` registers from ``address``, read with ``function`` (3 or 4).

        Raises ``RegisterRefused`` when the meter refuses, ``MeterSilent`` when no answer came in
        1 + ``retries`` attempts (the port is opened anew next time), ``HardwareError`` when the port
        cannot be opened.
        """
        async with self._turn():
            problem = ""
            for _ in range(1 + retries):
                client = await self._connected()
                await self._settle(timeout_s)
                try:
                    return await self._ask(client, unit, function, address, count, timeout_s)
                except _NoAnswer as no_answer:
                    problem = str(no_answer)
            self._drop_client()
        raise MeterSilent(
            f"unit {unit} at {self._link.text}: {problem} ({1 + retries} attempts, register {address}); "
            f"check power, wiring, unit number and bus settings of the meter"
        )

    def _turn(self) -> asyncio.Lock:
        """The lock that lets one meter talk at a time; a new event loop starts afresh."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._lock = asyncio.Lock()
            self._loop = loop
            self._client = None
            self._free_at = 0.0
        return self._lock

    async def _ask(
        self, client: Client, unit: int, function: int, address: int, count: int, timeout_s: float
    ) -> list[int]:
        from pymodbus.exceptions import ModbusException

        read = client.read_holding_registers if function == 3 else client.read_input_registers
        self._expected = function
        self._unanswered = True  # also when this task is cancelled while it waits
        try:
            answer = await asyncio.wait_for(read(address, count=count, device_id=unit), timeout_s)
        except TimeoutError:
            raise _NoAnswer(f"no answer within {round(timeout_s * 1000)} ms") from None
        except ModbusException as error:
            raise _NoAnswer(f"no answer ({error})") from error
        finally:
            self._free_at = self._now() + self._gap_s()
        if answer.function_code & 0x7F != function or (
            not answer.isError() and len(answer.registers) != count
        ):
            raise _NoAnswer(f"answered with {len(answer.registers)} registers instead of {count}")
        self._unanswered = False
        if not answer.isError():
            return list(answer.registers)
        code = answer.exception_code
        text = f"exception {code} ({_EXCEPTIONS.get(code, 'unknown')})"
        if code in _FINAL:
            raise RegisterRefused(
                f"unit {unit} at {self._link.text} refuses {count} registers from {address} "
                f"(function {function}): {text}; check the model in the board profile",
                code,
            )
        await asyncio.sleep(_BUSY_PAUSE_S)
        raise _NoAnswer(f"answered with {text}")

    async def _settle(self, timeout_s: float) -> None:
        """Let the line come to rest: the RTU pause, and late answers thrown away (see above)."""
        if self._unanswered and self._link.kind != "tcp":
            for _ in range(_LISTEN_ROUNDS):
                received = self._received
                await asyncio.sleep(timeout_s)
                if self._received == received:
                    break
        await asyncio.sleep(max(0.0, self._free_at - self._now()))
        # Two turns of the event loop: bytes that are in the kernel already reach pymodbus now, which
        # forgets them when it sends.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _connected(self) -> Client:
        if self._client is not None and self._client.connected:
            return self._client
        self._drop_client()
        client = self._make_client()
        try:
            opened = await client.connect()
        except (termios.error, ValueError) as error:  # pyserial lets these through
            raise HardwareError(
                f"meter port {self._link.path}: does not take {self._settings_text()} ({error}); "
                f"check baud, parity and stop_bits in the board profile"
            ) from error
        if not opened:
            client.close()
            raise HardwareError(self._why_not_opened())
        self._client = client
        return client

    def _make_client(self) -> Client:
        from pymodbus import FramerType
        from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

        logger = logging.getLogger("pymodbus")
        if logger.level == logging.NOTSET:  # what matters is in our exceptions
            logger.setLevel(logging.CRITICAL)
        profile, link = self._profile, self._link
        timeout_s = max(_CONNECT_TIMEOUT_S, 2 * profile.timeout_ms / 1000)  # ours is shorter and comes first
        if link.kind == "rtu":
            return AsyncModbusSerialClient(
                str(link.path),
                framer=FramerType.RTU,
                baudrate=profile.baud,
                parity=profile.parity,
                stopbits=profile.stop_bits,
                timeout=timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._inspect,
            )
        return AsyncModbusTcpClient(
            link.host,
            port=link.port,
            framer=FramerType.SOCKET if link.kind == "tcp" else FramerType.RTU,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._inspect,
        )

    def _inspect(self, sending: bool, data: bytes) -> bytes:
        """pymodbus' hook on every packet: count arrivals, keep frames away that make its parser raise."""
        if sending:
            return data
        self._received += 1
        if self._link.kind == "tcp" and len(data) >= 9:
            function, byte_count = data[7], data[8]
            length = int.from_bytes(data[4:6], "big")
            sound = length == 3 + byte_count if function == self._expected else length == 3
            if function & 0x7F != self._expected or not sound:
                return b""
        return data

    def _drop_client(self) -> None:
        if self._client is not None and self._loop is not None and not self._loop.is_closed():
            self._client.close()
        self._client = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _gap_s(self) -> float:
        """Silence between frames (Modbus over serial line 2.5.1.1): 3.5 characters; fixed when fast."""
        if self._link.kind != "rtu":
            return 0.0
        return 0.00175 if self._profile.baud > 19200 else 3.5 * 11 / self._profile.baud

    def _settings_text(self) -> str:
        return f"{self._profile.baud} 8{self._profile.parity}{self._profile.stop_bits}"

    def _why_not_opened(self) -> str:
        link = self._link
        if link.kind != "rtu":
            return (
                f"meter at {link.text}: cannot connect; check address, cable and power, and whether "
                f"the meter or gateway serves one client only"
            )
        path = link.path
        if not path.exists():
            return f"meter port {path}: no such device; check the adapter (present: ls /dev/serial/by-id)"
        if not os.access(path, os.R_OK | os.W_OK):
            return f"meter port {path}: no permission; add the user of this service to the group dialout"
        return f"meter port {path}: cannot be opened as a serial port; is another program using it?"
