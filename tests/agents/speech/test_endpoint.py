import pytest

np = pytest.importorskip("numpy", reason="needs the voice extra")

from agents.speech.endpoint import (  # noqa: E402
    FRAME_BYTES,
    MAX_FRAMES,
    QUIET_FRAME,
    RATE,
    TAIL_FRAMES,
    Endpointer,
    Onset,
    Segment,
)


def tone(ms, amplitude=6_000, hz=300):
    t = np.arange(RATE * ms // 1_000)
    return (amplitude * np.sin(2 * np.pi * hz * t / RATE)).astype("<i2").tobytes()


def noise(ms, rms, seed=1):
    return np.random.default_rng(seed).normal(0, rms, RATE * ms // 1_000).astype("<i2").tobytes()


def seconds(segment):
    return len(segment.pcm) / 2 / RATE


def test_speech_between_silences_gives_onset_and_one_segment():
    found = Endpointer().feed(noise(500, 20) + tone(1_000) + noise(1_000, 20))
    assert found[0] is Onset.ONSET
    assert len(found) == 2
    assert 1.0 <= seconds(found[1]) <= 1.7


@pytest.mark.parametrize("size", [1, 333, 1_364, 1_486, 50_000])
def test_the_size_of_pieces_does_not_matter(size):
    audio = noise(300, 20) + tone(400) + noise(800, 20)
    whole, pieces = Endpointer().feed(audio), Endpointer()
    found = [it for at in range(0, len(audio), size) for it in pieces.feed(audio[at : at + size])]
    assert found == whole


def test_a_click_is_not_speech():
    assert Endpointer().feed(noise(300, 20) + tone(40) + noise(1_000, 20)) == []


def test_a_short_pause_does_not_end_an_utterance():
    found = Endpointer().feed(tone(400) + noise(400, 20) + tone(400) + noise(800, 20))
    assert [type(it) for it in found] == [Onset, Segment]


def test_end_of_speech_ends_it_at_once_and_only_once():
    ear = Endpointer()
    assert ear.feed(tone(500)) == [Onset.ONSET]
    (segment,) = ear.end()
    assert seconds(segment) >= 0.8
    assert segment.pcm.endswith(QUIET_FRAME)  # the quiet that a recogniser wants
    assert ear.end() == []


def test_steady_noise_becomes_the_floor():
    ear = Endpointer()
    ear.feed(noise(5_000, 1_500))
    assert not ear.in_speech
    assert ear.feed(noise(3_000, 1_500, seed=2)) == []
    assert Onset.ONSET in ear.feed(tone(300, amplitude=20_000))


def test_an_endless_utterance_is_cut():
    chopped = b"".join(tone(500) + noise(100, 20) for _ in range(60))
    segments = [it for it in Endpointer().feed(chopped) if isinstance(it, Segment)]
    assert len(segments) >= 2
    assert max(len(it.pcm) for it in segments) <= (MAX_FRAMES + TAIL_FRAMES) * FRAME_BYTES
