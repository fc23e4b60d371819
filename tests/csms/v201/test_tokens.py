from __future__ import annotations

import pytest

from controller.csms.v201.tokens import id_token, parse_token, token_info
from controller.csms.wire import Unacceptable
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenType


@pytest.mark.parametrize("kind", TokenType)
def test_tokens_survive_the_wire(kind: TokenType) -> None:
    assert parse_token(id_token(IdToken("A1", kind))) == IdToken("A1", kind)


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(Unacceptable, match="EVCCID"):
        parse_token({"idToken": "A1", "type": "EVCCID"})


@pytest.mark.parametrize("status", AuthorizationStatus)
def test_every_status_is_known(status: AuthorizationStatus) -> None:
    assert token_info({"status": status.value}).status is status


def test_what_cannot_be_read_beside_the_status_is_left_out() -> None:
    info = token_info(
        {"status": "Accepted", "cacheExpiryDateTime": "x", "groupIdToken": {"idToken": "G", "type": "new"}}
    )
    assert info.expires_at_ms is None
    assert info.group == IdToken("G", TokenType.CENTRAL)
