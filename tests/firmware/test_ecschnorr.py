"""EC-Schnorr over P-256: against points and keys of ``cryptography``, and against everything that is near."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.firmware import ecschnorr
from controller.firmware.ecschnorr import G, N, P, add, multiply, on_curve, verify
from tests.support.firmware import schnorr

SCALARS = st.integers(1, N - 1)
NONCE = 0xDE7E0E5E663F24183414B7C72F24546B81E9E5F410BEBF26F3CA5FA82F5192C8
KNOWN = (
    0x7054B82F647200CB2CBF88D568320C81965615EE472740D59BEEB7B642B2C296,
    0xBEC2D13515B4F0F1EBE9660CD713DC56E9AD3683855337E0FAD740CC8E738EEE,
)


def public(private: int) -> tuple[int, int]:
    numbers = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


@settings(max_examples=20, deadline=None)
@given(SCALARS)
def test_a_multiple_of_the_base_point_is_the_one_of_a_known_implementation(scalar: int) -> None:
    assert multiply(scalar, G) == public(scalar)


@settings(max_examples=10, deadline=None)
@given(SCALARS, SCALARS)
def test_adding_points_adds_their_scalars(a: int, b: int) -> None:
    assert add(multiply(a, G), multiply(b, G)) == multiply((a + b) % N, G)


def test_infinity_doubling_and_opposites() -> None:
    opposite = (G[0], P - G[1])
    assert multiply(N, G) is None
    assert multiply(0, G) is None
    assert multiply(5, None) is None
    assert multiply(N - 1, G) == opposite
    assert add(G, opposite) is None
    assert add(G, None) == add(None, G) == G
    assert add(G, G) == multiply(2, G)
    assert on_curve(*G) and not on_curve(G[0], G[1] + 1) and not on_curve(P + 1, 1)


@settings(max_examples=10, deadline=None)
@given(SCALARS, st.binary(max_size=300))
def test_16_SEC_35_what_was_signed_is_verified_and_nothing_near_it(private: int, message: bytes) -> None:
    key = public(private)
    r, s = schnorr(private, message)
    hash_ = hashlib.sha256(message)
    assert verify(key, hash_, r, s)
    assert hash_.digest() == hashlib.sha256(message).digest(), "the running hash is left as it was"
    assert not verify(key, hashlib.sha256(message + b"x"), r, s)
    assert not verify(key, hash_, r ^ 1, s)
    assert not verify(key, hash_, r, s ^ 1)
    assert not verify(public(private % (N - 1) + 1), hash_, r, s)
    assert not verify((key[0], P - key[1]), hash_, r, s)


def test_16_SEC_35_a_signature_computed_by_another_implementation() -> None:
    """Key, nonce and pair were made with the ECPy package, option "BSI", SHA-256."""
    private, message = 0xFB26A4E75EEC75544C0F44E937DCF5EE6355C7176600B9688C667E5C283B43C5, b"firmware 2.0"
    r, s = KNOWN
    assert verify(public(private), hashlib.sha256(message), r, s)
    assert schnorr(private, message, k=NONCE) == KNOWN


def test_numbers_out_of_range_are_no_signature() -> None:
    key, hash_ = public(7), hashlib.sha256(b"m")
    r, s = schnorr(7, b"m")
    for wrong in ((0, s), (N, s), (-r, s), (r + 2**256, s), (r, 0), (r, N), (r, s + N), (r, -s)):
        assert not verify(key, hash_, *wrong)
    assert not verify((1, 1), hash_, r, s)
    assert not verify((0, 0), hash_, r, s)


def test_a_point_that_vanishes_is_no_signature() -> None:
    """s*G + r*P is infinity when s = -r*d: then there is no x to hash."""
    private, r = 11, 12345
    assert not verify(public(private), ecschnorr.sha256(), r, -r * private % N)
