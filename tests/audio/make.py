"""Write the spoken test calls anew: `python tests/audio/make.py` (needs the voice extra)."""

import asyncio
import wave
from pathlib import Path

from agents.speech.mouth import shared_mouth
from agents.speech.resample import resample

HERE = Path(__file__).parent
SENTENCES = {
    "balance-1-wish": "I want to check my balance",
    "balance-2-account": "my account number is one two three four five six seven eight",
    "balance-3-sort-code": "and the sort code is one one two two three three",
    "refused-1-account": "my account number is eight seven six five four three two one",
    "refused-2-sort-code": "and the sort code is four four five five six six",
}
GRAMMAR = {"balance-1-wish": "open"}  # the others: digits
RATE = 16_000
QUIET = b"\0" * (RATE * 2 // 5)  # 200 ms


async def make() -> None:
    for name, text in SENTENCES.items():
        pcm = resample(await shared_mouth().synthesise(text), 24_000, RATE)
        with wave.open(str(HERE / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(QUIET + pcm + QUIET)


if __name__ == "__main__":
    asyncio.run(make())
