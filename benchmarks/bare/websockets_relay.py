"""A bare relay with websockets: what comes from a caller goes to an agent of its own, and back."""

import asyncio
import sys

import uvloop
import websockets


async def pump(source, target):
    async for message in source:
        await target.send(message)
    await target.close()


async def main(port, agent):
    async def relay(caller):
        async with websockets.connect(agent, compression=None, ping_interval=None) as link:
            await asyncio.gather(pump(caller, link), pump(link, caller), return_exceptions=True)

    options = {"compression": None, "ping_interval": None, "backlog": 1024}
    async with websockets.serve(relay, "127.0.0.1", int(port), **options):
        await asyncio.Event().wait()


uvloop.run(main(*sys.argv[1:]))
