import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.local import messages
from controller.local.messages import INVALID_REQUEST, PARSE_ERROR, RpcError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40)
@given(st.text(), st.dictionaries(st.text(), JSON))
def test_a_request_is_one_line_and_comes_back(method: str, params: dict[str, object]) -> None:
    line = messages.request(method, params, 7)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert messages.parse_request(line) == messages.Request(method, params, 7)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_an_rpc_error(line: bytes) -> None:
    try:
        messages.parse_request(line)
    except RpcError as exc:
        assert exc.code in (PARSE_ERROR, INVALID_REQUEST)


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        (b"{", PARSE_ERROR, "not a JSON text"),
        (b"\xff", PARSE_ERROR, "not a JSON text"),
        (b"[]", INVALID_REQUEST, "one object a line"),
        (b"3", INVALID_REQUEST, "found int"),
        (b'{"method": "x"}', INVALID_REQUEST, '"jsonrpc": "2.0"'),
        (b'{"jsonrpc": "2.0", "method": 1}', INVALID_REQUEST, '"method"'),
        (b'{"jsonrpc": "2.0", "method": "x", "params": 1}', INVALID_REQUEST, '"params"'),
        (b'{"jsonrpc": "2.0", "method": "x", "id": true}', INVALID_REQUEST, '"id"'),
    ],
)
def test_what_is_no_request_is_refused_by_name(line: bytes, code: int, text: str) -> None:
    with pytest.raises(RpcError, match=text) as caught:
        messages.parse_request(line)
    assert caught.value.code == code


def test_deep_nesting_is_a_parse_error_not_a_crash() -> None:
    with pytest.raises(RpcError) as caught:
        messages.parse_request(b"[" * 100_000)
    assert caught.value.code == PARSE_ERROR


def test_the_id_of_a_wrong_request_is_kept_for_its_answer() -> None:
    assert messages.request_id(b'{"id": 4}') == 4
    assert messages.request_id(b'{"id": true}') is None
    assert messages.request_id(b"nonsense") is None


def test_an_error_carries_its_data_only_when_it_has_some() -> None:
    assert json.loads(messages.error(1, RpcError(-32001, "no")))["error"] == {"code": -32001, "message": "no"}
    assert json.loads(messages.error(1, RpcError(-1, "no", {"a": 1})))["error"]["data"] == {"a": 1}
