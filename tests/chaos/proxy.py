"""A network that misbehaves: a TCP proxy whose faults are switched while connections live."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK = 16 * 1024


@dataclass
class Faults:
    """What happens to bytes from now on; all off is a good network. ``rate`` is bytes a second, 0 is no bound."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate: float = 0.0
    black_hole: bool = False
    refuses: bool = False


@dataclass(eq=False)
class Pipe:
    """One connection through the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    tasks: list = field(default_factory=list)

    def reset(self):
        """End both sides as a crash would: RST, no FIN."""
        for writer in (self.near, self.far):
            if writer is not None:
                sock = writer.get_extra_info("socket")
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()


class FaultProxy:
    """Listens at one address and forwards to another one."""

    def __init__(self, random):
        self.faults = Faults()
        self._random = random
        self._pipes = set()
        self._server = None
        self._clear = asyncio.Event()
        self._clear.set()

    async def start(self, host, port, target):
        self._target = target
        self._server = await asyncio.start_server(self._serve, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        if self._server is None:
            return
        self._server.close()
        self.reset_all()
        tasks = [task for pipe in self._pipes for task in pipe.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self):
        return len(self._pipes)

    def set(self, **faults):
        """Change the faults; those not named are off."""
        self.faults = Faults(**faults)
        (self._clear.clear if self.faults.black_hole else self._clear.set)()

    def reset_all(self):
        """Cut every connection."""
        for pipe in list(self._pipes):
            pipe.reset()

    def reset_one(self):
        """Cut one; False where there is none."""
        if not self._pipes:
            return False
        self._random.choice(sorted(self._pipes, key=id)).reset()
        return True

    def close_slowly(self):
        """Half-close one connection towards the near side: FIN now, the other way stays open."""
        for pipe in sorted(self._pipes, key=id)[:1]:
            with suppress(OSError, RuntimeError):
                pipe.near.write_eof()

    async def _serve(self, reader, writer):
        pipe = Pipe(writer)
        if self.faults.refuses:
            pipe.reset()
            return
        self._pipes.add(pipe)
        try:
            far_reader, pipe.far = await asyncio.open_connection(*self._target)
        except OSError:
            pipe.reset()
            self._pipes.discard(pipe)
            return
        pipe.tasks = [
            asyncio.create_task(self._pump(reader, pipe.far)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        await asyncio.wait(pipe.tasks)
        for end in (pipe.near, pipe.far):
            end.transport.abort()
        self._pipes.discard(pipe)

    async def _pump(self, reader, writer):
        with suppress(OSError, RuntimeError):  # the latter says that the other way was closed
            while data := await reader.read(CHUNK):
                await self._clear.wait()
                faults = self.faults
                pause_s = faults.delay_s + self._random.random() * faults.jitter_s
                pause_s += len(data) / faults.rate if faults.rate else 0.0
                if pause_s:
                    await asyncio.sleep(pause_s)
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
