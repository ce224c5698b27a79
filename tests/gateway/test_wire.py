"""The sniffed type is the decoded type, whatever the JSON looks like; and a caller's message is never a crash."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import CallerChose, CallerConfigured, CallerSent, CallerStoppedSpeaking, CallerText
from gateway.wire import Malformed, Ping, decode, encode, parse_caller, sniff_type

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KINDS = st.one_of(st.sampled_from(["ping", "tool_use", "a.b-c_D", "type", '"', "\\", "typ\u00e9", "x" * 70, ""]), TEXT)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | KINDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("type") | TEXT, inner, max_size=3),
    max_leaves=8,
)
SPACE = st.text(" \t\r\n", max_size=3)


def spelt(text: str, hide: list[bool]) -> str:
    """Write a JSON string; where ``hide`` says so, a character is written as its escape."""
    out = []
    for place, char in enumerate(text):
        escape = hide[place % len(hide)] and ord(char) < 0x10000
        out.append(f"\\u{ord(char):04x}" if escape else json.dumps(char, ensure_ascii=False)[1:-1])
    return '"' + "".join(out) + '"'


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """JSON objects with odd spaces, escapes, repeated keys and nested types."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(["type", "Type", "type ", "data"]) | TEXT, VALUES), max_size=5))
    hide = st.just([False]) | st.lists(st.booleans(), min_size=1, max_size=4)
    fields = []
    for key, value in pairs:
        written = spelt(value, draw(hide)) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parts = [draw(SPACE), spelt(key, draw(hide)), draw(SPACE), ":", draw(SPACE), written, draw(SPACE)]
        fields.append("".join(parts))
    return f"{draw(SPACE)}{{{','.join(fields) or draw(SPACE)}}}{draw(SPACE)}".encode()


def decoded_type(data: bytes) -> str | None:
    value = json.loads(data.decode()).get("type")
    return value if isinstance(value, str) else None


@given(objects())
def test_the_sniffed_type_is_the_decoded_one(data: bytes) -> None:
    assert sniff_type(data) == decoded_type(data)


@given(objects())
def test_every_object_is_decoded_as_any_parser_does(data: bytes) -> None:
    assert decode(data) == json.loads(data.decode())


@given(objects(), st.data())
def test_what_is_cut_off_is_no_object(data: bytes, at: st.DataObject) -> None:
    cut = data.rstrip()[: at.draw(st.integers(0, len(data.rstrip()) - 1))]
    assert decode(cut) is None


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode(errors="replace")))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    sniff_type(data)
    decode(data)
    parse_caller(data)


@given(objects(), st.binary(min_size=1, max_size=4))
def test_what_has_a_type_but_bytes_around_it_is_refused(data: bytes, before: bytes) -> None:
    if before.strip(b" \t\r\n"):
        assert decode(before + data) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"type":"ping"}', "ping"),
        (b' \t\r\n{ "type" :\n"ping" }', "ping"),
        (b'{"a":{"type":"inner"},"type":"outer"}', "outer"),
        (b'{"type":"outer","a":{"type":"inner"}}', "outer"),
        (b'{"type":"first","type":"last"}', "last"),
        (b'{"type":"first","type":1}', None),
        (b'{"type":"first","\\u0074ype":"last"}', "last"),
        (b'{"type":"a","b":"\\"type\\":\\"c\\""}', "a"),
        (b'{"\\u0074ype":"hidden"}', "hidden"),
        (b'{"type":"caf\xc3\xa9"}', "caf\u00e9"),
        (b'{"type":""}', ""),
        (b'{"type":null}', None),
        (b'{"type":["ping"]}', None),
        (b'{"Type":"ping"}', None),
        (b"{}", None),
        (b"[]", None),
        (b'"type"', None),
        (b"", None),
        (b'\x0b{"type":"ping"}', None),  # no JSON space
        (b'{"type"\x0c:"ping"}', None),
        (b'\xef\xbb\xbf{"type":"ping"}', None),  # a byte order mark is no JSON
        (b'{"type":"ping"', None),
        (b'{"type":"\xff"}', None),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_awkward_types(data: bytes, kind: str | None) -> None:
    assert sniff_type(data) == kind


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_can_be_read(message: dict[str, object]) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('{"type":"ping"}', Ping()),
        (
            '{"type":"select_workflow","workflowId":"idv","interactionMode":"chat_only"}',
            CallerChose("idv", "chat_only"),
        ),
        ('{"type":"select_workflow","workflow":"idv"}', CallerChose("idv", "")),
        ('{"type":"select_workflow","workflowId":null,"workflow":"idv"}', CallerChose("idv", "")),
        ('{"type":"select_workflow"}', CallerChose("", "")),
        ('{"type":"text_input","text":"hi","sessionId":"x"}', CallerText("hi")),
        ('{"type":"text_input","text":"hi","skipTranscript":true}', CallerText("hi", skip_transcript=True)),
        ('{"type":"user_input","text":""}', CallerText("")),
        ('{"type":"end_of_speech"}', CallerStoppedSpeaking()),
        ('{"type":"sessionConfig"}', CallerConfigured({})),
        ('{"type":"sessionConfig","config":{"voiceId":"amy"}}', CallerConfigured({"voiceId": "amy"})),
        ('{"type":"test_config","data":{}}', CallerSent({"type": "test_config", "data": {}})),
        ('{"type":"x"', Malformed("not a JSON object")),
        ("[1]", Malformed("not a JSON object")),
        ("{}", Malformed("type: must be a string")),
        ('{"type":7}', Malformed("type: must be a string")),
        ('{"type":"text_input"}', Malformed("text: must be a string")),
        ('{"type":"user_input","text":["x"]}', Malformed("text: must be a string")),
        ('{"type":"text_input","text":"x","skipTranscript":1}', Malformed("skipTranscript: must be true or false")),
        ('{"type":"select_workflow","workflowId":7}', Malformed("workflowId: must be a string")),
        ('{"type":"select_workflow","workflowId":"%s"}' % ("x" * 129), Malformed("workflowId: at most 128 characters")),
        ('{"type":"select_workflow","workflow":"%s"}' % ("x" * 129), Malformed("workflow: at most 128 characters")),
        (
            '{"type":"select_workflow","workflowId":"idv","interactionMode":"%s"}' % ("x" * 129),
            Malformed("interactionMode: at most 128 characters"),
        ),
        ('{"type":"sessionConfig","config":[]}', Malformed("config: must be an object")),
    ],
)
def test_what_a_caller_says(sent: str, read: object) -> None:
    assert parse_caller(sent.encode()) == read
