import pytest

np = pytest.importorskip("numpy", reason="needs the voice extra")

from agents.speech.resample import BLOCK, resample  # noqa: E402


def tone(hz, rate, count):
    return (10_000 * np.sin(2 * np.pi * hz * np.arange(count) / rate)).astype("<i2").tobytes()


def level_at(pcm, rate, hz):
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    freqs = np.fft.rfftfreq(len(samples), 1 / rate)
    return spectrum[np.abs(freqs - hz) < 20].max() / len(samples) * 4


@pytest.mark.parametrize(("rate", "to"), [(22_050, 24_000), (24_000, 16_000), (16_000, 24_000), (48_000, 16_000)])
def test_length_and_tone_survive(rate, to):
    out = resample(tone(1_000, rate, rate), rate, to)
    assert len(out) // 2 == to
    assert level_at(out, to, 1_000) == pytest.approx(10_000, rel=0.02)
    assert level_at(out, to, 3_000) < 20


def test_what_the_lower_rate_cannot_carry_is_removed():
    out = resample(tone(11_000, 24_000, 24_000), 24_000, 16_000)
    assert level_at(out, 16_000, 5_000) < 50  # where it would fold down to


def test_blocks_join_without_a_click():
    out = np.frombuffer(resample(tone(100, 16_000, BLOCK * 2), 16_000, 24_000), "<i2").astype(int)
    assert np.abs(np.diff(out[100:-100])).max() < 300


def test_edges():
    assert resample(b"", 16_000, 24_000) == b""
    assert resample(b"\1\2\3", 16_000, 16_000) == b"\1\2"
    full = np.full(1_000, 32_767, "<i2").tobytes()
    assert np.frombuffer(resample(full, 16_000, 24_000), "<i2")[50:-50].min() > 32_000  # clipped, not wrapped
    with pytest.raises(ValueError, match="positive"):
        resample(b"", 0, 1)
