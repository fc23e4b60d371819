"""EC-Schnorr over P-256 with SHA-256, verification only (BSI TR-03111, 4.2.3).

The security white paper allows two algorithms for firmware, RSA-PSS and this one (L01.FR.04), and the package
``cryptography`` knows only the first. Verification handles nothing secret, so it need not run in constant
time, and whole numbers of Python are enough for it. There is no signing here, and no other curve: P-256 is
what the keys of this standard are about, and one curve is one thing less to get wrong.

A signature is a pair (r, s). With the base point G, its order n, the public point P and the message M:
Q = s*G + r*P, and it is good when r = H(M || x of Q) modulo n.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SIZE = 32
"""Bytes of a coordinate, of r and of s."""

Affine = tuple[int, int] | None
"""A point; None = the point at infinity."""

_Jacobian = tuple[int, int, int]
_INFINITY: _Jacobian = (1, 1, 0)


class Hash(Protocol):
    """A running SHA-256 over the message, as ``hashlib.sha256()``."""

    def copy(self) -> Hash: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def on_curve(x: int, y: int) -> bool:
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x * x - 3 * x + B)) % P == 0


def verify(public: tuple[int, int], message: Hash, r: int, s: int) -> bool:
    """Whether (r, s) is the signature of the message by the owner of the public point."""
    if not on_curve(*public) or not 0 < s < N or not 0 < r < 1 << (8 * SIZE) or r % N == 0:
        return False
    q = add(multiply(s, G), multiply(r % N, public))
    if q is None:
        return False
    hash_ = message.copy()
    hash_.update(q[0].to_bytes(SIZE, "big"))
    return int.from_bytes(hash_.digest(), "big") % N == r % N


def sha256() -> Hash:
    return hashlib.sha256()


def multiply(scalar: int, point: Affine) -> Affine:
    """``scalar`` times the point, by doubling and adding."""
    if point is None:
        return None
    found, step = _INFINITY, (point[0], point[1], 1)
    while scalar:
        if scalar & 1:
            found = _add(found, step)
        step = _double(step)
        scalar >>= 1
    return _affine(found)


def add(one: Affine, other: Affine) -> Affine:
    if one is None:
        return other
    if other is None:
        return one
    return _affine(_add((*one, 1), (*other, 1)))


def _affine(point: _Jacobian) -> Affine:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _double(point: _Jacobian) -> _Jacobian:
    """In Jacobian coordinates (x/z^2, y/z^3), for a curve with a = -3."""
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    zz = z * z % P
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * (x - zz) * (x + zz) % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    x1, y1, z1 = one
    x2, y2, z2 = other
    if z1 == 0:
        return other
    if z2 == 0:
        return one
    z1z1, z2z2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2z2 % P, x2 * z1z1 % P
    s1, s2 = y1 * z2 * z2z2 % P, y2 * z1 * z1z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if h == 0:
        return _double(one) if r == 0 else _INFINITY
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P
