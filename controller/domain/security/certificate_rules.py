"""Which certificates are good enough to be installed.

Owns: the properties that the security white paper asks for (2.6.1, A02.FR.06, M05.FR.06). Pure functions of
facts; each gives the reason for a refusal, or "".
Refuses to know: what happens then (``certificates``), X.509.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from controller.domain.security.certificate import CertificateFacts

_LEAST_BITS = {"RSA": 2048, "DSA": 2048, "EC": 224}  # A00.FR.502, 503; other kinds have no weak sizes
_BROKEN_HASHES = frozenset({"md5", "sha1"})  # A00.FR.504

ROOT_MAY_BEGIN_IN_MS = 24 * 3600 * 1000
"""A root just made is taken though its maker's clock is ahead; one for next year verifies nothing now."""


def weakness(facts: CertificateFacts) -> str:
    """A00.FR.501 to 504, 506."""
    least = _LEAST_BITS.get(facts.key_kind, 0)
    if facts.key_bits < least:
        return f"{facts.name}: a key of {facts.key_bits} bits, {facts.key_kind} needs {least}"
    if facts.signature_hash in _BROKEN_HASHES:
        return f"{facts.name}: signed with {facts.signature_hash.upper()}, which is broken"
    return ""


def root_fault(chain: Sequence[CertificateFacts], utc_ms: int) -> str:
    """Why this cannot be a root (M05.FR.06)."""
    if len(chain) != 1:
        return f"found {len(chain)} certificates, expected one root"
    (root,) = chain
    if not root.is_ca:
        return f"{root.name}: no CA certificate (basic constraints)"
    if not root.may_sign:
        return f"{root.name}: its key usage does not allow to sign certificates"
    if root.not_after_ms < utc_ms:
        return f"{root.name}: expired"
    if root.not_before_ms > utc_ms + ROOT_MAY_BEGIN_IN_MS:
        return f"{root.name}: not yet valid"
    return weakness(root)


def serial_fault(serial: str) -> str:
    """A00.FR.511: the common name is the serial number, and no URL or IP address. A00.FR.429: every station
    that uses certificates has one; the identity at the CSMS does not stand in for it, because the CSMS checks
    the name against the serial number it was told (A00.FR.405)."""
    if not serial:
        return "the station has no serial number: set [station] serial in station.toml"
    try:
        ip_address(serial)
    except ValueError:
        address = "://" in serial
    else:
        address = True
    return f'the serial number "{serial}" is a URL or an IP address' if address else ""


def client_fault(
    chain: Sequence[CertificateFacts],
    *,
    key_held: bool,
    anchored: bool,
    organization: str,
    serial: str,
    utc_ms: int,
) -> str:
    """Why this cannot be the station's own certificate (A02.FR.06). ``chain``: leaf first, signatures within
    it are right. ``anchored``: it leads to an installed root of the CSMS, or none is installed to compare
    with. A leaf may begin to be valid later (A02.FR.08)."""
    leaf = chain[0]
    if not key_held:
        return "its key is not one that this station made"
    for facts in chain:
        if facts.not_after_ms < utc_ms:
            return f"{facts.name}: expired"
        weak = weakness(facts)
        if weak:
            return weak
    for facts in chain[1:]:
        if not (facts.is_ca and facts.may_sign):
            return f"{facts.name}: signed a certificate without being a CA"
    if leaf.is_ca:
        return "it is a CA's certificate"
    if not leaf.client_auth:
        return "its extended key usage does not allow TLS client authentication"
    if leaf.organizations != (organization,):
        return f"its organization is {_shown(leaf.organizations)}, expected CpoName {organization}"
    if leaf.common_names != (serial,):
        return f"its common name is {_shown(leaf.common_names)}, expected the serial number {serial}"
    if not anchored:
        return "it does not lead to an installed root of the CSMS"
    return ""


def _shown(names: tuple[str, ...]) -> str:
    return " and ".join(names) or "absent"
