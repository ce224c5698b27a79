import pytest

pytest.importorskip("espeakng_loader", reason="needs the voice extra")
pytest.importorskip("numpy", reason="needs the voice extra")

from agents.speech.mouth import MAX_CHARACTERS, EspeakMouth, shared_mouth, speakable


class CountingVoice:
    rate = 24_000

    def __init__(self):
        self.spoken = []

    def speak(self, text):
        self.spoken.append(text)
        return b"\1\0" * 100


async def test_a_sentence_becomes_some_seconds_of_sound():
    pcm = await shared_mouth().synthesise("Your balance is one thousand two hundred pounds.")
    assert 2 < len(pcm) / 48_000 < 6
    assert max(pcm[1::2]) > 0


async def test_sentences_are_spoken_once_until_the_room_is_used_up():
    voice = CountingVoice()
    mouth = EspeakMouth(voice, cache_bytes=400)
    for text in ("one", "two", "one", "three", "two"):
        assert len(await mouth.synthesise(text)) == 200
    assert voice.spoken == ["one", "two", "three", "two"]


async def test_nothing_to_say_is_silence():
    assert await shared_mouth().synthesise(" ... ") == b""


def test_text_is_bounded_and_clean():
    assert speakable("a\0b\n\nc  d") == "a b c d"
    assert len(speakable("word " * 10_000)) <= MAX_CHARACTERS
    assert speakable("x" * 5_000) == "x" * MAX_CHARACTERS
