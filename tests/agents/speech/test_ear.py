"""Real synthesis and recognition: what the mouth says, the ear must understand."""

import asyncio
import wave
from pathlib import Path

import pytest

pytest.importorskip("pocketsphinx", reason="needs the voice extra")
pytest.importorskip("espeakng_loader", reason="needs the voice extra")

from agents.speech import new_ear, new_mouth
from agents.speech.ear import MAX_PENDING, Heard, SphinxEar
from agents.speech.recogniser import Recogniser, recognise_answers
from agents.speech.resample import resample

AUDIO = Path(__file__).parents[2] / "audio"
RECORDED = {
    "balance-1-wish": ("open", "i want to check my balance"),
    "balance-2-account": ("digits", "my account number is one two three four five six seven eight"),
    "balance-3-sort-code": ("digits", "and the sort code is one one two two three three"),
    "refused-1-account": ("digits", "my account number is eight seven six five four three two one"),
    "refused-2-sort-code": ("digits", "and the sort code is four four five five six six"),
}
SPOKEN = [
    ("open", "what is my balance"),
    ("open", "I would like to see my transactions"),
    ("open", "I want to dispute a payment"),
    ("open", "I need a mortgage"),
    ("open", "find a branch"),
    ("open", "speak to disputes"),
    ("open", "no that's all"),
    ("open", "goodbye"),
    ("digits", "double one double two double three"),
    ("digits", "nine oh four zero two seven six five"),
    ("digits", "triple five one two three four five"),
    ("digits", "goodbye"),
    ("yes_no", "yes I have"),
    ("yes_no", "no"),
    ("yes_no", "I want to check my balance"),  # not an answer, but a wish
]
CHUNK = 1_601  # about 50 ms, and odd


async def hear(pcm, grammar):
    ear = new_ear()
    ear.expect(grammar)
    for at in range(0, len(pcm), CHUNK):
        ear.feed(pcm[at : at + CHUNK])
    ear.end_of_speech()
    reports = []
    async with asyncio.timeout(10):
        async for report in ear.utterances():
            reports.append(report)
            if report.final:
                break
    ear.close()
    assert reports[0] == Heard(started=True)
    assert len(reports) == 2
    return reports[1].text


async def spoken(text):
    return resample(await new_mouth().synthesise(text), 24_000, 16_000)


@pytest.mark.parametrize("name", RECORDED)
async def test_the_recorded_calls_are_understood_exactly(name):
    grammar, text = RECORDED[name]
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert await hear(file.readframes(file.getnframes()), grammar) == text


async def test_sentences_are_understood():
    """All but one: the decoder's beams make a near tie fall either way now and then."""
    heard = [(text.lower(), await hear(await spoken(text), grammar)) for grammar, text in SPOKEN]
    assert len([text for text, recognised in heard if text != recognised]) <= 1, heard


@pytest.mark.parametrize("text", ["the weather is terrible today", "purple monkey dishwasher", "what time is it"])
@pytest.mark.parametrize("grammar", ["open", "digits"])
async def test_what_fits_no_grammar_is_not_guessed(grammar, text):
    assert await hear(await spoken(text), grammar) == ""


async def test_the_answer_is_heard_among_other_sentences():
    pcm = b"".join(
        [
            await new_mouth().synthesise(sentence)
            for sentence in (
                "Hello Sarah.",
                "Your balance is one thousand two hundred pounds.",
                "Is there anything else?",
            )
        ]
    )
    texts = await asyncio.to_thread(recognise_answers, pcm, 24_000)
    assert texts == ["your balance is one thousand two hundred pounds"]


async def test_the_loop_has_its_turns_while_speech_is_recognised():
    pcm = await spoken("my account number is one two three four five six seven eight")
    ear = new_ear()
    ear.expect("digits")
    ear.feed(pcm)
    ear.end_of_speech()
    turns = 0
    async with asyncio.timeout(10):
        reports = ear.utterances()
        assert (await anext(reports)).started
        final = asyncio.ensure_future(anext(reports))
        while not final.done():
            turns += 1
            await asyncio.sleep(0.001)
    ear.close()
    assert (await final).text
    assert turns >= 5


class Stuck(Recogniser):
    """Takes utterances and never answers."""

    def __init__(self):
        self.futures = []

    def submit(self, _pcm, _grammar):
        from concurrent.futures import Future

        self.futures.append(Future())
        return self.futures[-1]


async def test_a_slow_recogniser_costs_the_oldest_utterance_and_not_memory():
    ear = SphinxEar(Stuck())
    speech = await spoken("yes")
    for _ in range(MAX_PENDING + 2):  # one at work, four pending, one too many
        ear.feed(speech)
        ear.end_of_speech()
    ear.close()
    reports = [report async for report in ear.utterances()]
    assert reports.count(Heard(final=True)) == 1
    assert sum(report.started for report in reports) == MAX_PENDING + 2


async def test_a_broken_recogniser_is_reported_to_the_reader():
    stuck = Stuck()
    ear = SphinxEar(stuck)
    ear.feed(await spoken("yes"))
    ear.end_of_speech()
    stuck.futures[0].set_exception(RuntimeError("model gone"))
    with pytest.raises(RuntimeError, match="model gone"):
        async with asyncio.timeout(5):
            [report async for report in ear.utterances()]
    ear.close()


async def test_an_unknown_grammar_is_refused():
    ear = new_ear()
    with pytest.raises(ValueError, match="choose one of"):
        ear.expect("poetry")
    ear.close()
