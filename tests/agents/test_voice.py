import asyncio

from agents.voice import FRAME_BYTES, FRAME_S, LEAD_S, Player


async def test_frames_are_paced_with_a_small_lead():
    sent = []
    now = asyncio.get_running_loop().time

    async def send(frame):
        sent.append((now(), len(frame)))

    player = Player(send)
    began = now()
    assert await player.play(b"\0" * (FRAME_BYTES * 5 + 10))
    assert [size for _, size in sent] == [FRAME_BYTES] * 5 + [10]
    for at, (when, _) in enumerate(sent):
        assert when - began >= at * FRAME_S - LEAD_S - 0.002
    assert player.is_playing
    await player.wait_heard()
    assert not player.is_playing


async def test_a_stopped_player_stays_silent_until_the_next_turn():
    sent = []

    async def send(frame):
        sent.append(frame)
        player.stop()

    player = Player(send)
    assert not await player.play(b"\0" * FRAME_BYTES * 100)
    assert not await player.play(b"\0" * FRAME_BYTES)
    assert len(sent) == 1
    assert not player.is_playing
    player.begin()
    assert not await player.play(b"\0" * FRAME_BYTES)
    assert len(sent) == 2
