import wave

import pytest

from agents.caller_audio import BadRecording, is_audible, read_wav, says, write_wav


def recording(path, rate, width, channels, frames):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


def test_pcm16_at_16_khz_is_taken_as_it_is(tmp_path):
    assert read_wav(recording(tmp_path / "a.wav", 16_000, 2, 1, b"\1\2\3\4")) == b"\1\2\3\4"


def test_widths_and_channels_become_one(tmp_path):
    assert read_wav(recording(tmp_path / "a.wav", 16_000, 1, 1, b"\x80\xff")) == b"\0\0\0\x7f"
    assert read_wav(recording(tmp_path / "b.wav", 16_000, 3, 1, b"\x99\x34\x12")) == b"\x34\x12"
    assert read_wav(recording(tmp_path / "c.wav", 16_000, 2, 2, b"\x64\0\xc8\0")) == b"\x96\0"


def test_another_rate_is_converted(tmp_path):
    pytest.importorskip("numpy", reason="needs the voice extra")
    assert len(read_wav(recording(tmp_path / "a.wav", 48_000, 2, 1, bytes(96_000)))) == 32_000


def test_what_cannot_be_streamed_is_named(tmp_path):
    (tmp_path / "text.wav").write_text("no sound at all")
    for path, why in [
        (tmp_path / "none.wav", "no such file"),
        (tmp_path / "text.wav", "not a PCM WAV"),
        (recording(tmp_path / "empty.wav", 16_000, 2, 1, b""), "cannot be streamed"),
        (recording(tmp_path / "long.wav", 4_000, 1, 1, bytes(4_000 * 121)), "longer than"),
    ]:
        with pytest.raises(BadRecording, match=why):
            read_wav(path)


def test_what_was_heard_is_written_at_its_rate(tmp_path):
    write_wav(tmp_path / "out.wav", b"\1\0" * 10)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, 10)


@pytest.mark.parametrize("expected", ["1,200", "1200", "£1,200.00", "one thousand two hundred pounds", "BALANCE is"])
def test_the_expected_is_found_however_it_is_written(expected):
    assert says("Your balance is £1,200.00. Is there anything else?", expected)


@pytest.mark.parametrize("expected", ["200", "120", "1,201", "two hundred pounds", "goodbye"])
def test_what_was_not_said_is_not_found(expected):
    assert not says("Your balance is £1,200.00. Is there anything else?", expected)


def test_an_amount_is_audible_in_words():
    heard = ["your balance is one thousand two hundred pounds"]
    assert is_audible(heard, "1,200")
    assert not is_audible(heard, "1,300")
    assert not is_audible([], "1,200")
