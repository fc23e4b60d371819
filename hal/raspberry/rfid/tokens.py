"""What the bytes of a card become: a ``TokenRead`` in the order and format that the site uses.

Owns: byte order, the formats of 125 kHz numbers, what kind of card a number belongs to.
Refuses to know: frames, ports, who may charge.
"""

from __future__ import annotations

from hal.interface import TokenKind, TokenRead

EM4100_FORMATS = ("hex10", "hex8", "dec10")
_ISO14443_DIGITS = (8, 14, 20)  # UID of 4, 7 or 10 bytes (ISO/IEC 14443-3)
_ISO15693_DIGITS = 16  # 8 bytes, the first is E0 (ISO/IEC 15693-3)


def em4100_token(data: bytes, number_format: str, reverse: bool) -> TokenRead:
    """A 125 kHz tag of five bytes: version and four bytes of number.

    "hex10" = all ten digits, "hex8" = the last four bytes, "dec10" = those as a decimal number of ten
    digits, the one printed on most tags.
    """
    wanted = data if number_format == "hex10" else data[1:]
    if reverse:
        wanted = wanted[::-1]
    uid = f"{int.from_bytes(wanted, 'big'):010d}" if number_format == "dec10" else wanted.hex().upper()
    return TokenRead(uid, TokenKind.LOCAL)


def iso14443_token(uid: bytes, reverse: bool) -> TokenRead:
    """A 13.56 MHz card by its UID."""
    return TokenRead((uid[::-1] if reverse else uid).hex().upper(), TokenKind.ISO14443)


def line_token(digits: str, reverse: bool) -> TokenRead:
    """A number that a reader wrote as text (upper-case hexadecimal or decimal digits).

    The length tells the kind: 8, 14 or 20 digits are an ISO 14443 UID, 16 digits with E0 at one end an
    ISO 15693 UID, anything else a local number. Only whole bytes can be reversed.
    """
    if reverse and len(digits) % 2 == 0:
        digits = bytes.fromhex(digits)[::-1].hex().upper()
    if len(digits) in _ISO14443_DIGITS:
        return TokenRead(digits, TokenKind.ISO14443)
    if len(digits) == _ISO15693_DIGITS and (digits.startswith("E0") or digits.endswith("E0")):
        return TokenRead(digits, TokenKind.ISO15693)
    return TokenRead(digits, TokenKind.LOCAL)


def is_random(token: TokenRead, reverse: bool) -> bool:
    """Whether the UID is made up anew for each presentation (ISO/IEC 14443-3: four bytes, the first is 08).

    Phones and passports do that: such a number must never get onto a list.
    """
    first = token.uid[-2:] if reverse else token.uid[:2]
    return token.kind is TokenKind.ISO14443 and len(token.uid) == 8 and first == "08"
