"""``docs/security.md`` from the code: ``python -m controller.csms.security_document > docs/security.md``."""

from __future__ import annotations

from controller.csms.link import CLIENT_CERTIFICATE_PROFILE, PASSWORD_PROFILES, TLS_PROFILES
from controller.csms.tls import SUITES_12, SUITES_13, VERSIONS
from controller.domain.security.events import SECURITY_EVENTS
from controller.domain.security.noticing import BURST, REFILL_MS
from controller.settings.catalog import NETWORK_ATTEMPTS

_HEAD = """\
# Security

This page is generated from the code (`controller/csms/security_document.py`); do not edit it. Write it anew
with `python -m controller.csms.security_document > docs/security.md`.

## Profiles

Exactly one is in use: setting `SecurityCtrlr.SecurityProfile`, 1.6 key `SecurityProfile`. `joulepost
status` shows it.

| profile | station shows | CSMS shows | connection | needs |
|---|---|---|---|---|
"""

_NAMES = ("nothing", "password (HTTP Basic)", "password (HTTP Basic)", "client certificate")

_RISING = """\
The name in HTTP Basic is the station's identity. With profile 0 or 3 no password is sent, also when there
is one.

A 1.6 CSMS may raise the profile, never lower it; 2.0.1 reads it only. Equal or lower values, and a profile
whose needs are not met, are `Rejected` and change nothing. A root is `ca_file` or one that the CSMS has
installed; the system's roots count while the present URL is `wss://`. Profiles 2 and 3 connect to
`secure_url`, or to `url` with `wss` at the same host, port and path.

After `Accepted` the station leaves and comes back with the new profile. It is *on trial* until the first
message of the CSMS has arrived over it: {attempts} attempts (`{setting}`) with the new profile, as many
with the old one, and so on. The first that works stays. If that is the old one, the key says so again, and
log and security log tell why; if it is the new one, lower ones are refused for good. Both are stored in one
commit with the change: a restart or power cut in the middle goes on with the trial.

Lowering is up to the owner, on the station: `joulepost settings set SecurityCtrlr.SecurityProfile 1`.

## Password

`AuthorizationKey` takes 16 to 20 bytes as 32 to 40 hexadecimal digits. Text of 16 to 40 characters that is
not made of hexadecimal digits only is taken as it is, because many central systems send that. 2.0.1's
`SecurityCtrlr.BasicAuthPassword` takes 16 to 64 characters. It can be written and never read.

After a change over profile 1 or 2 the station leaves and comes back with the new password. The one before
is kept until the new one has worked: after {attempts} answers 401 or 403 it is tried once, and so on. If
the CSMS takes the old one, the station stays online, says so in log, security log and `joulepost status`,
and begins every later connection with the new one.

## TLS

Versions: {versions}. Suites of TLS 1.2, in this order, and no others:

{suites12}

Suites of TLS 1.3: {suites13}.

No compression, no renegotiation. The server's certificate has to lead to a trusted root, to be valid today,
and to bear the host of the URL: as dNSName where it has one, else as commonName; an address in the URL has
to be an iPAddress in it. Roots that the CSMS installed are tried first, the newest alone, then the one it
replaced, then `ca_file` or, without it, the system's roots.

A connection that fails one of these checks is ended before anything is sent. A server that hangs up during
the handshake is asked once more what it would have taken, with nothing verified and nothing sent, so that
the security log can tell an old version from weak suites.

## Security events

All are kept in the journal. Critical ones are pushed with SecurityEventNotification, in order, until they
are answered, also over reboots. Of one type {burst} are recorded at once, then one every {refill} s that
says how many there were.

| event | in 1.6, if different | pushed in | meaning | recorded when |
|---|---|---|---|---|
"""


def security_markdown() -> str:
    """The whole page."""
    profiles = "".join(_profile(profile) for profile in range(len(_NAMES)))
    text = _RISING.format(
        attempts=NETWORK_ATTEMPTS.default,
        setting=NETWORK_ATTEMPTS.full_name,
        versions=" and ".join(version.replace("TLSv", "") for version in VERSIONS),
        suites12="\n".join(f"- `{name}`" for name in SUITES_12.values()),
        suites13=", ".join(f"`{name}`" for name in SUITES_13),
        burst=BURST,
        refill=REFILL_MS // 1000,
    )
    return _HEAD + profiles + "\n" + text + "".join(_event(name) for name in SECURITY_EVENTS)


def _profile(profile: int) -> str:
    secure = profile in TLS_PROFILES
    needs = []
    if profile in PASSWORD_PROFILES:
        needs.append("`AuthorizationKey`")
    if secure:
        needs.append("a root certificate")
    if profile == CLIENT_CERTIFICATE_PROFILE:
        needs.append("a client certificate with its key")
    shown, link = ("certificate", "TLS") if secure else ("nothing", "plain")
    return f"| {profile} | {_NAMES[profile]} | {shown} | {link} | {', '.join(needs) or 'nothing'} |\n"


def _event(name: str) -> str:
    kind = SECURITY_EVENTS[name]
    pushed = [version for version, yes in (("1.6", kind.critical16), ("2.0.1", kind.critical201)) if yes]
    other = f"`{kind.in16}`" if kind.in16 != name else ""
    return f"| `{name}` | {other} | {', '.join(pushed) or 'none'} | {kind.about} | {kind.noticed} |\n"


if __name__ == "__main__":
    print(security_markdown(), end="")
