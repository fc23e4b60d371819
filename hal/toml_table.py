"""One table of a TOML file, read key by key with bounds.

Owns: the message for every wrong entry: file, dotted key, what was found, what is accepted, what to do.
Refuses to know: what the keys mean. Standard library only.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypeVar

T = TypeVar("T")
Error = Callable[[str], Exception]


class Table:
    """A TOML table at a dotted ``path`` of ``source``.

    ``keys`` is the closed list of accepted keys: any other is an error at once, so that a misspelt key
    is reported as such and not as a missing one. ``error`` makes the exception to raise.
    """

    def __init__(
        self, data: Mapping[str, object], source: str, path: str, keys: Sequence[str], error: Error
    ) -> None:
        self._data = data
        self._source = source
        self._path = path
        self._error = error
        for key in data:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                advice = f"did you mean {near[0]}?" if near else "remove it"
                self.fail(key, "unknown key", ", ".join(sorted(keys)), advice)

    def key(self, name: str) -> str:
        """The dotted path of a key, e.g. ``evse[1].adc.model``."""
        return f"{self._path}.{name}" if self._path else name

    def fail(self, name: str, found: str, accepted: str, advice: str) -> NoReturn:
        """Raise the error about one key."""
        raise self._error(f"{self._source}: {self.key(name)}: found {found}; accepted: {accepted}; {advice}")

    def has(self, name: str) -> bool:
        return name in self._data

    def raw(self, name: str) -> object:
        """The value as TOML gave it; None when the key is absent."""
        return self._data.get(name)

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """An integer in ``low..high``; without a default the key is required."""
        accepted = f"an integer {low}..{high}"
        value = self._present(name, accepted, default)
        if type(value) is not int:  # bool is an int to isinstance
            self.fail(name, _shown(value), accepted, "write a whole number without quotes")
        if not low <= value <= high:
            self.fail(name, str(value), accepted, "correct the value")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        return self.integer(name, low, high) if self.has(name) else None

    def boolean(self, name: str, default: bool | None = None) -> bool:
        value = self._present(name, "true or false", default)
        if not isinstance(value, bool):
            self.fail(name, _shown(value), "true or false", "write it without quotes")
        return value

    def text(self, name: str, accepted: str, default: str | None = None) -> str:
        """A non-empty string; ``accepted`` describes it for the message."""
        value = self._present(name, accepted, default)
        if not isinstance(value, str) or not value.strip():
            self.fail(name, _shown(value), accepted, "write a string in double quotes")
        return value

    def choice(self, name: str, choices: Sequence[T], default: T | None = None) -> T:
        """One of ``choices`` (strings or integers), same type and spelling."""
        accepted = ", ".join(_shown(choice) for choice in choices)
        value = self._present(name, accepted, default)
        matching = [choice for choice in choices if type(value) is type(choice) and value == choice]
        if not matching:
            near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
            advice = f"did you mean {near[0]}?" if near else "choose one of these"
            self.fail(name, _shown(value), accepted, advice)
        return matching[0]

    def table(self, name: str, keys: Sequence[str]) -> Table:
        """A required table below this one."""
        accepted = f"a table with {', '.join(sorted(keys))}"
        value = self._present(name, accepted, None)
        if not isinstance(value, dict):
            self.fail(name, _shown(value), accepted, f"write it as a table, e.g. [{self.key(name)}]")
        return Table(value, self._source, self.key(name), keys, self._error)

    def tables(self, name: str, keys: Sequence[str]) -> list[Table]:
        """An array of tables, possibly absent; numbered from 1 in messages."""
        value = self._data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.fail(name, _shown(value), "an array of tables", f"write each one under [[{self.key(name)}]]")
        return [
            Table(entry, self._source, f"{self.key(name)}[{number}]", keys, self._error)
            for number, entry in enumerate(value, start=1)
        ]

    def _present(self, name: str, accepted: str, default: object) -> object:
        value = self._data.get(name, default)
        if value is None:
            self.fail(name, "no such key", accepted, "add the key")
        return value


def _shown(value: object) -> str:
    """A value as it would be written in TOML, with its type where that is the mistake."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    kinds = {dict: "a table", list: "an array", float: "the fraction"}
    kind = kinds.get(type(value), type(value).__name__)
    return f"{kind} {value}" if isinstance(value, float) else kind
