"""Whoever has no good token does not call: told before the upgrade, and the token is written nowhere."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from gateway.caller_tokens import LEEWAY_S, CallerTokens, given_token
from gateway.front_door import RequestHead
from gateway.masking import MASK, mask
from tests.gateway.test_calls import until

SECRET = "a secret of the bank's, long enough even for HS512 " + 16 * "x"
TOKENS = CallerTokens(SECRET, audience="calls", issuer="bank")


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    said = {"exp": time.time() + 86_400, "aud": "calls", "iss": "bank", **claims}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, secret, algorithm)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def head(query: str = "", **headers: str) -> RequestHead:
    return RequestHead(
        "GET", f"/sonic?{query}", {name.replace("_", "-"): text for name, text in headers.items()}, "::1"
    )


def why_not(given: str) -> str:
    return TOKENS.why_not(head(authorization=f"Bearer {given}"))


def test_a_good_token_lets_in() -> None:
    assert why_not(token()) == ""
    assert why_not(token(aud=["other", "calls"])) == ""
    assert why_not(token(exp=time.time() - LEEWAY_S / 2)) == ""  # clocks differ
    assert CallerTokens(SECRET).why_not(head(f"token={token(aud=None, iss=None)}")) == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "a token is needed"),
        (token(exp=time.time() - 3600), "the token has expired"),
        (token(exp=None), "the token is not valid"),
        (token(exp="soon"), "the token is not valid"),
        (token(secret="another secret, which is as long as ours"), "the token is not valid"),
        (token(aud="other"), "the token is not valid"),
        (token(aud=None), "the token is not valid"),
        (token(iss="thief"), "the token is not valid"),
        (token(nbf=time.time() + 3600), "the token is not valid"),
        (token(algorithm="HS512"), "the token is not valid"),
        (jwt.encode({"exp": time.time() + 86_400}, "", "none"), "the token is not valid"),
        (token()[:-4] + "AAAA", "the token is not valid"),
        ("nonsense", "the token is not valid"),
        ("a.b.c", "the token is not valid"),
        (f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.e30.AAAA", "the token is not valid"),
        (f"{segment({'alg': 'HS256', 'typ': ['JWT'], 'b64': False})}.e30.AAAA", "the token is not valid"),
        (f"{segment({'alg': ['HS256']})}.e30.AAAA", "the token is not valid"),
        (f"{segment({'alg': 'HS256', 'kid': 7})}.e30.AAAA", "the token is not valid"),
        ("\xff.\xfe.\xfd", "the token is not valid"),
    ],
)
def test_every_other_token_does_not(given: str, why: str) -> None:
    assert why_not(given) == why


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_head_is_a_crash(text: str) -> None:
    assert TOKENS.why_not(head(f"token={text}", authorization=f"Bearer {text}", sec_websocket_protocol=f"token.{text}"))


def test_a_token_is_found_in_three_places_the_header_first() -> None:
    assert given_token(head("token=q", authorization="bearer h", sec_websocket_protocol="understudy, token.p")) == "h"
    assert given_token(head("token=q", sec_websocket_protocol="understudy, token.p")) == "p"
    assert given_token(head("token=q", authorization="Basic x", sec_websocket_protocol="understudy")) == "q"
    assert given_token(head()) == ""


def test_a_token_is_not_shown() -> None:
    given = token()
    shown = f"{head('token=' + given, authorization=given)!r} {TOKENS!r} {mask(f'Bearer {given}!')}"
    assert given not in shown
    assert SECRET not in shown
    assert shown.endswith(f"Bearer {MASK}!")


# --- at the door ---------------------------------------------------------------------------------------------------

ASKED = pytest.mark.parametrize("settings", [{"caller_secret": SECRET, "connect_rate": 0.001}], indirect=True)


@ASKED
async def test_callers_without_a_good_token_are_401_and_use_nobodys_turn_up(rest) -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="TRACE")
    url = f"ws://127.0.0.1:{rest.gateway.port}/sonic"
    bad = token(secret="another secret, which is as long as ours", aud=None)
    for target in (url, f"{url}?token={bad}", f"{url}?token={token(exp=1)}"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(target)
        response = refused.value.response
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "token" in json.loads(response.body or b"")["error"]
    good = token(aud=None)
    async with websockets.connect(f"{url}?token={good}") as caller:
        await until(caller, lambda message: message["type"] == "connected")
    logger.remove(sink)
    assert not [line for line in lines if bad in line or good in line]
    assert 'reason="token"' in await (await rest.client.get(rest.base + "/metrics")).text()


@pytest.mark.parametrize("settings", [{"caller_secret": SECRET}], indirect=True)
async def test_a_browser_gives_its_token_as_a_subprotocol_and_is_answered_ours(rest) -> None:
    url = f"ws://127.0.0.1:{rest.gateway.port}/sonic"
    offered = [websockets.Subprotocol("understudy"), websockets.Subprotocol(f"token.{token(aud=None)}")]
    async with websockets.connect(url, subprotocols=offered) as caller:
        assert caller.subprotocol == "understudy"
        await until(caller, lambda message: message["type"] == "connected")
    async with websockets.connect(url, additional_headers={"Authorization": f"Bearer {token(aud=None)}"}) as caller:
        assert caller.subprotocol is None
