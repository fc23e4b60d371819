"""A PN532 for tests: takes what the host sends, answers as the chip would. Shares no code with the driver."""

from __future__ import annotations

ACK = bytes.fromhex("00 00 FF 00 FF 00")


def frame(*body: int) -> bytes:
    """A frame from the chip: TFI D5 and data."""
    data = bytes((0xD5, *body))
    return b"\x00\x00\xff" + bytes((len(data), 256 - len(data))) + data + bytes((-sum(data) % 256, 0))


class Chip:
    """Asleep until it sees 55 55; ``uid`` is the card in the field."""

    def __init__(self) -> None:
        self.uid: bytes | None = None
        self.awake = False
        self.commands: list[int] = []
        self.aborted = 0
        self.blocks = False  # ignore MaxRetries: InListPassiveTarget without a card never answers
        self._buffer = b""

    def receive(self, data: bytes) -> bytes:
        """Bytes from the host; returns the answer."""
        self._buffer += data
        if not self.awake:
            if b"\x55\x55" not in self._buffer:
                return b""
            self.awake = True
        answer = b""
        while (start := self._buffer.find(b"\x00\xff")) >= 0:
            rest = self._buffer[start + 2 :]
            if rest[:2] == b"\x00\xff":
                self.aborted += 1
                self._buffer = rest[2:]
                continue
            if len(rest) < 2 or len(rest) < rest[0] + 4:
                break
            length = rest[0]
            assert (length + rest[1]) % 256 == 0, "length checksum"
            body = rest[2 : 2 + length]
            assert (sum(body) + rest[2 + length]) % 256 == 0, "data checksum"
            assert rest[3 + length] == 0, "postamble"
            assert body[0] == 0xD4, "frame identifier"
            self._buffer = rest[4 + length :]
            answer += ACK + self._execute(body[1:])
        return answer

    def _execute(self, command: bytes) -> bytes:
        self.commands.append(command[0])
        if command == bytes.fromhex("14 01 14 01"):
            return frame(0x15)
        if command[:3] == bytes.fromhex("32 05 FF"):
            return frame(0x33)
        if command == bytes.fromhex("4A 01 00"):
            if self.uid is None:
                return b"" if self.blocks else frame(0x4B, 0)
            return frame(0x4B, 1, 1, 0x00, 0x04, 0x08, len(self.uid), *self.uid)
        raise AssertionError(f"unexpected command {command.hex(' ')}")
