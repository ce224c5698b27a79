"""What the tests of the REST API share."""

import aiohttp
import pytest

from gateway.app import Gateway
from gateway.config import Settings


class Rest:
    """The REST API of one gateway, as a client sees it."""

    def __init__(self, gateway, client):
        self.gateway = gateway
        self.client = client
        self.base = f"http://127.0.0.1:{gateway.port}"

    async def ask(self, method, path, **options):
        """One request: (status, what the body says)."""
        async with self.client.request(method, self.base + path, **options) as answer:
            assert answer.content_type == "application/json"
            return answer.status, await answer.json()

    async def get(self, path, **options):
        return await self.ask("GET", path, **options)

    async def post(self, path, json=None, **options):
        return await self.ask("POST", path, json=json, **options)


@pytest.fixture
def settings(request, tmp_path):
    """Settings of the gateway under test; a test's own go on top."""
    own = getattr(request, "param", {})
    return {"host": "127.0.0.1", "port": 0, "data_dir": tmp_path, "patience_s": 1, "park_s": 0, **own}


@pytest.fixture
async def rest(settings):
    gateway = Gateway(Settings(**settings))
    await gateway.start()
    async with aiohttp.ClientSession() as client:
        yield Rest(gateway, client)
    await gateway.stop()
