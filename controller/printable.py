"""Text from outside on its way to a terminal or a log.

Owns: that nothing in it acts on whoever reads it: names in certificates, tokens and messages of a CSMS may
hold line breaks (a forged line), escape sequences (a terminal obeys them) and marks that turn text round.
Refuses to know: secrets (``csms.trace``, ``logs.masking``).
"""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """``text`` with every character that does not print, but those in ``keep``, as an escape of JSON:
    within a JSON text it means the same."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    code = ord(one)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
