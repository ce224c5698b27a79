"""The JSON protocol: sniffing a frame's ``type``, and the caller's messages; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from actors.messages import CallerChose, CallerConfigured, CallerSent, CallerStoppedSpeaking, CallerText
from gateway.nesting import MAX_DEPTH, is_too_deep

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME: Final = 128  # as long as an id may be
_ONLY_TYPE: Final = msgspec.json.Decoder(type=dict[str, msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(type=dict[str, object])
_ENCODER: Final = msgspec.json.Encoder()
_S: Final = rb"[ \t\r\n]*"  # JSON's white space is less than a pattern's
_BACKSLASH: Final = ord("\\")
_SCALAR: Final = re.compile(rb'%b\{%b"type"%b:%b"([A-Za-z0-9_.\-]{1,64})"%b[,}]' % (_S, _S, _S, _S, _S))


class Ping(msgspec.Struct, frozen=True):
    """``ping``; answered by the relay."""


class Malformed(msgspec.Struct, frozen=True):
    """What cannot be understood; ``problem`` is told to the caller."""

    problem: str


FromCaller: TypeAlias = (
    CallerChose | CallerText | CallerStoppedSpeaking | CallerConfigured | CallerSent | Ping | Malformed
)


def encode(message: Mapping[str, object]) -> bytes:
    """Write one JSON object as UTF-8."""
    return _ENCODER.encode(message)


def decode(data: bytes) -> dict[str, object] | None:
    """Read one JSON object; None when it is not one, or nested too deep."""
    return None if is_too_deep(data) else _object(data)


def _object(data: bytes) -> dict[str, object] | None:
    try:
        return _OBJECT.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def sniff_type(data: bytes) -> str | None:
    """Find the top-level ``type`` of a JSON object; None when there is none that is a string.

    A ``type`` that comes first is read in place; when a second ``"type"`` follows, or it is elsewhere, the object's
    keys are decoded and the last one counts, as in every JSON parser. What follows a type that was read in place is
    not looked at: of bytes that are no JSON a type may be found.
    """
    found = _SCALAR.match(data)
    # A backslash could spell the key with escapes; sought as a number, for `in` tries that first.
    if found and data.find(b'"type"', found.end()) < 0 and _BACKSLASH not in data:
        return found[1].decode("ascii")
    try:
        raw = _ONLY_TYPE.decode(data).get("type")
        value = msgspec.json.decode(raw) if raw is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def error_text(message: Mapping[str, object]) -> str:
    """Find the words of an agent's ``error``, wherever that agent puts them."""
    nested = message.get("data")
    for place in (message, nested if isinstance(nested, dict) else {}):
        for name in ("message", "error", "details"):
            if isinstance(words := place.get(name), str) and words:
                return words
    return "the agent reports an error without saying which"


def parse_caller(data: bytes) -> FromCaller:
    """Read one JSON message of a client; never raises."""
    if is_too_deep(data):
        return Malformed(f"nested deeper than {MAX_DEPTH}")
    message = _object(data)
    if message is None:
        return Malformed("not a JSON object")
    kind = message.get("type")
    return _read(kind, message) if isinstance(kind, str) else Malformed("type: must be a string")


def _read(kind: str, message: dict[str, object]) -> FromCaller:
    try:
        match kind:
            case "ping":
                return Ping()
            case "select_workflow":
                wanted = _name(message, "workflowId") or _name(message, "workflow")
                return CallerChose(wanted, _name(message, "interactionMode"))
            case "text_input" | "user_input":
                return _caller_text(message)
            case "end_of_speech":
                return CallerStoppedSpeaking()
            case "sessionConfig":
                return _configured(message)
            case _:
                return CallerSent(message)
    except ValueError as error:
        return Malformed(str(error))


def _caller_text(message: dict[str, object]) -> CallerText:
    if not isinstance(message.get("text"), str):
        raise ValueError("text: must be a string")  # noqa: TRY004 - one kind of error says "malformed"
    skip = message.get("skipTranscript")
    if skip is not None and not isinstance(skip, bool):
        raise ValueError("skipTranscript: must be true or false")
    return CallerText(_text(message, "text"), skip or False)


def _configured(message: dict[str, object]) -> CallerConfigured:
    config = message.get("config", {})
    if not isinstance(config, dict):
        raise ValueError("config: must be an object")  # noqa: TRY004 - as above
    return CallerConfigured(config)


def _text(message: dict[str, object], name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name}: must be a string")  # noqa: TRY004 - as above
    return value


def _name(message: dict[str, object], name: str) -> str:
    value = _text(message, name)
    if len(value) > MAX_NAME:  # it goes into events, receipts and answers
        raise ValueError(f"{name}: at most {MAX_NAME} characters")
    return value
