"""`understudy call`: a test caller that behaves like the page in a browser."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agents.caller_audio import EAR_RATE, MIC_RATE, BadRecording, is_audible, read_wav, says, write_wav
from agents.caller_call import CannotConnect, Utterance, hold_call

if TYPE_CHECKING:
    from agents.caller_line import CallerLine

NOT_SAID = 1
BAD_USAGE = 2
NO_CONNECTION = 3
MAX_TEXT = 1_000


def call(
    wavs: Annotated[list[Path] | None, typer.Argument(metavar="WAV...", help="Recordings, one per utterance.")] = None,
    say: Annotated[list[str] | None, typer.Option(help="Speak this, after the recordings. Repeatable.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Type this, after all speech. Repeatable.")] = None,
    expect: Annotated[str, typer.Option(help="What an agent must have said in the end.")] = "",
    url: Annotated[str, typer.Option(help="The gateway.")] = "ws://localhost:8080/sonic",
    out: Annotated[Path | None, typer.Option(help="Write what was heard to this WAV.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds of silence to wait for an answer.")] = 20.0,
    recognise: Annotated[  # noqa: FBT002 - the command line has only names
        bool, typer.Option("--recognise", help="Recognise what was heard; an expected amount must be audible.")
    ] = False,
) -> None:
    """Call the bank. Exit code: 0 said, 1 not said in time, 2 bad usage, 3 no connection."""
    console = Console(highlight=False)
    if out and not out.parent.is_dir():
        _fail(BAD_USAGE, f"{out}: there is no folder {out.parent}")
    try:
        code = asyncio.run(
            _call(console, (wavs or (), say or (), text or ()), expect, url, out, timeout, recognise=recognise)
        )
    except BadRecording as wrong:
        _fail(BAD_USAGE, str(wrong))
    except CannotConnect as refused:
        _fail(NO_CONNECTION, str(refused))
    except ImportError as missing:  # SpeechUnavailable is one; it cannot be named here, for its package needs the extra
        _fail(BAD_USAGE, str(missing))
    raise typer.Exit(code)


async def _call(
    console: Console,
    parts: tuple[Any, Any, Any],
    expect: str,
    url: str,
    out: Path | None,
    timeout_s: float,
    *,
    recognise: bool,
) -> int:
    utterances = await _utterances(*parts)
    line, ended = await hold_call(url, utterances, expect, timeout_s, lambda m, at: _show(console, m, at))
    if out:
        write_wav(out, line.heard)
        console.print(f"heard {len(line.heard) / 2 / EAR_RATE:.1f} s, written to {out}", markup=False, soft_wrap=True)
    heard = await _recognised(line.heard) if recognise else []
    for sentence in heard:
        console.print(f"recognised: {sentence}", markup=False, soft_wrap=True)
    _show_latencies(console, line)
    if ended:
        console.print(ended, style="red", markup=False, soft_wrap=True)
    return _code(console, line, ended, expect, heard if recognise else None)


def _code(console: Console, line: CallerLine, ended: str, expect: str, heard: list[str] | None) -> int:
    if not expect:
        return NOT_SAID if ended else 0
    if not says(line.said, expect):
        console.print(f"not said: {expect}", style="red", markup=False, soft_wrap=True)
        return NOT_SAID
    if heard is not None and not is_audible(heard, expect):
        console.print(f"written, but not recognised in the audio: {expect}", style="red", markup=False, soft_wrap=True)
        return NOT_SAID
    console.print(f"said: {expect}", style="green", markup=False, soft_wrap=True)
    return 0


async def _utterances(wavs: list[Path], say: list[str], text: list[str]) -> list[Utterance]:
    utterances = [Utterance(path.name, read_wav(path)) for path in wavs]
    if say:
        from agents.speech import new_mouth  # noqa: PLC0415 - an extra, and only --say needs it
        from agents.speech.resample import resample  # noqa: PLC0415 - as above

        for words in say:
            pcm = await new_mouth().synthesise(words)
            utterances.append(Utterance(words, resample(pcm, EAR_RATE, MIC_RATE)))
    return utterances + [Utterance(words[:MAX_TEXT]) for words in text]


async def _recognised(pcm: bytes) -> list[str]:
    from agents.speech.recogniser import recognise_answers  # noqa: PLC0415 - an extra, and only --recognise needs it

    return await asyncio.to_thread(recognise_answers, pcm, EAR_RATE)


def _show(console: Console, message: dict[str, Any], line: CallerLine) -> None:
    match message.get("type"):
        case "transcript" if message.get("isFinal") is not False:
            who = "you" if message.get("role") == "user" else line.agent
            style = "cyan" if who == "you" else "bold"
            console.print(f"{who:>13}: {message.get('text')}", style=style, markup=False, soft_wrap=True)
        case "handoff_event":
            console.print(f"{'':>13}  -> {line.agent}", style="yellow", markup=False, soft_wrap=True)
        case "error":
            console.print(f"{'error':>13}: {message.get('message')}", style="red", markup=False, soft_wrap=True)
        case _:
            pass


def _show_latencies(console: Console, line: CallerLine) -> None:
    if line.latencies:
        each = ", ".join(f"{1_000 * seconds:.0f}" for seconds in line.latencies)
        console.print(f"ms from the end of speech to the first answer: {each}", markup=False, soft_wrap=True)


def _fail(code: int, message: str) -> None:
    Console(stderr=True).print(f"understudy call: {message}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)
