"""A bare relay with aiohttp: what comes from a caller goes to an agent of its own, and back."""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

AUDIO = aiohttp.WSMsgType.BINARY


async def pump(source, target):
    async for message in source:
        await (target.send_bytes if message.type is AUDIO else target.send_str)(message.data)
    await target.close()


async def main(port, agent):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def relay(request):
            caller = web.WebSocketResponse(compress=False, heartbeat=None)
            await caller.prepare(request)
            async with session.ws_connect(agent, compress=0) as link:
                await asyncio.gather(pump(caller, link), pump(link, caller), return_exceptions=True)
            return caller

        app = web.Application()
        app.router.add_get("/session", relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(port), backlog=1024).start()
        await asyncio.Event().wait()


uvloop.run(main(*sys.argv[1:]))
