"""OCPP 2.1 behind the ``Version`` protocol: 2.0.1's projections, checked against 2.1's schemas.

What 2.1 adds to requests that exist in 2.0.1 (new purposes and kinds of profiles, ImmediateAndResume,
open token types) is refused by 2.0.1's readers because they accept only what they know. Requests that
exist only in 2.1 are in no table and so answered NotSupported.
"""

from __future__ import annotations

from controller.csms.v201 import V201


class V21(V201):
    subprotocol = "ocpp2.1"
