"""The operator's console in a browser, on a real gateway with agents of the tests."""

import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import pytest
from loguru import logger

from gateway.app import Gateway
from gateway.config import Settings
from tests.frontend import webdriver
from tests.frontend.console_fake import Fake, serving
from tests.gateway.test_calls import Agent, call, register, running, said, until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(webdriver.MISSING is not None, reason=str(webdriver.MISSING)),
]

ENTER, ESCAPE, END, DOWN, RIGHT = "\ue007", "\ue00c", "\ue010", "\ue015", "\ue014"
SHOWN = "document.getElementById('shown').textContent"
DETAIL = "document.getElementById('detail').innerText"
TOKEN = "let me in"


@asynccontextmanager
async def gateway_running(tmp_path, **settings):
    gateway = Gateway(Settings(host="127.0.0.1", port=0, data_dir=tmp_path, **settings))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def begin(socket, text):
    session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
    await socket.send(json.dumps({"type": "text_input", "text": text}))
    await until(socket, said)
    return session_id


async def keys(page, text):
    """Type to whatever has the focus."""
    await page.run("document.activeElement.dataset.typing = ''")
    await page.type("[data-typing]", text)
    await page.run("document.querySelectorAll('[data-typing]').forEach((e) => delete e.dataset.typing)")


async def see(page, text):
    await page.wait_true(f"{DETAIL}.includes({json.dumps(text)})")


async def press(page, name):
    """Press the button of that name when it is there, and confirm."""
    button = (
        "[...document.querySelectorAll('button')].find((b) => b.checkVisibility() && "
        f"[b.getAttribute('aria-label'), b.textContent].includes({json.dumps(name)}))"
    )
    await page.wait_true(f"Boolean({button})")
    await page.run(f"{button}.click()")
    await confirm(page)


async def told(page, words):
    await page.wait_true(f"document.getElementById('told').textContent === {json.dumps(words)}")


async def confirm(page):
    await page.click("#dialog-confirm")
    await page.wait_true("!document.getElementById('dialog').open")


async def kill_link(gateway, session_id):
    """Kill the newest link of a call, as somebody at another desk would."""
    url = f"http://127.0.0.1:{gateway.port}/admin/chaos/kill"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"link_of": session_id}
    async with aiohttp.ClientSession(headers=headers) as client, client.post(url, json=body) as answer:
        assert answer.status == 202


def times(words):
    """How often something is told in the life of the call."""
    titles = "[...document.querySelectorAll('#panel-life .title')]"
    return f"{titles}.filter((title) => title.textContent === {json.dumps(words)}).length"


async def test_an_operator_finds_a_call_sees_it_fail_over_and_moves_it(tmp_path):
    async with (
        gateway_running(tmp_path, admin_token=TOKEN, chaos=True) as gateway,
        running(Agent("one")) as one,
        running(Agent("two")) as two,
        running(Agent("banking")) as banking,
        call(gateway) as caller,
        call(gateway) as other,
        webdriver.browser() as page,
    ):
        for agent, agent_id in ((one, "triage"), (two, "triage"), (banking, "banking")):
            await register(gateway, agent, agent_id)
        await begin(other, "hello")
        session_id = await begin(caller, "my account is 12345678")
        await page.resize(1280, 800)
        await page.open(f"http://127.0.0.1:{gateway.port}/admin/")

        await page.wait_true("document.getElementById('dialog').open")
        await page.type("#dialog-field", f"wrong{ENTER}")
        await page.wait_true("!document.getElementById('dialog-field').value && document.getElementById('dialog').open")
        await page.type("#dialog-field", f"{TOKEN}{ENTER}")
        await page.wait_true(f"{SHOWN} === '2 calls'")

        await page.type("#tree", "/")
        await keys(page, session_id[:13])
        await page.wait_true(f"{SHOWN} === '1 of 2 calls'")
        await keys(page, f"{ENTER}{DOWN}{DOWN}{DOWN}{ENTER}")
        await see(page, session_id)
        await see(page, "Started with triage")

        await kill_link(gateway, session_id)
        await see(page, "Lost the link to triage: killed")
        await page.wait_true(f"{times('Failed over to triage')} === 1")
        for link in [*one.sockets, *two.sockets]:
            link.transport.abort()
        await see(page, "Lost the link to triage: broken")
        await see(page, "Restart: another instance first")
        await page.wait_true(f"{times('Failed over to triage')} === 2")
        await page.wait_true("document.querySelectorAll('.ribbon .agent').length === 3")

        await page.click("#tab-transcript")
        await see(page, "my account is ***")
        await page.click("#tab-life")
        await page.click("#detail .actions button")
        offered = await page.run("return [...document.querySelectorAll('#dialog-field option')].map((o) => o.value)")
        serving = gateway.calls.get(session_id)._instance.url
        (first,) = (agent for agent in (one, two) if agent.url != serving)
        assert offered == ["banking", f"banking {banking.url}", f"triage {first.url}"]
        await page.run("document.getElementById('dialog-field').value = arguments[0]", f"triage {first.url}")
        await confirm(page)
        await page.wait_true(f"document.getElementById('told').textContent.includes({json.dumps(first.url)})")
        await see(page, "Transferred to triage")

        await page.click("#detail .actions button")
        await confirm(page)
        await page.wait_true("document.getElementById('told').textContent === 'The call is with banking now.'")
        await see(page, "Transferred to banking")
        await caller.send(json.dumps({"type": "text_input", "text": "still there?"}))
        assert (await until(caller, said))["text"] == "banking heard still there?"

        await page.run("document.querySelectorAll('#detail .actions button')[1].click()")
        await confirm(page)
        await asyncio.wait_for(caller.wait_closed(), 10)
        await see(page, "Ended: ended by operator")
        await see(page, "Close code")
        await page.wait_true(f"{SHOWN} === '0 of 1 calls'")
        errors = await page.console_errors()
        assert [error for error in errors if "401" not in error] == []


async def test_the_page_comes_back_to_a_gateway_that_comes_back(tmp_path):
    async with webdriver.browser() as page:
        async with gateway_running(tmp_path) as gateway:
            port = gateway.port
            await page.open(f"http://127.0.0.1:{port}/admin/")
            await page.wait_true("document.getElementById('connection').dataset.state === 'live'")
        await page.wait_true("document.getElementById('connection').dataset.state === 'again'")
        again = Gateway(Settings(host="127.0.0.1", port=port, data_dir=tmp_path))
        await again.start()
        try:
            await page.wait_true("document.getElementById('connection').dataset.state === 'live'", within_s=20)
        finally:
            await again.stop()


async def test_five_thousand_calls_are_a_few_rows_and_can_be_walked_by_keyboard():
    fake = Fake(5000)
    async with serving(fake) as (server, url), webdriver.browser() as page:
        await page.resize(1280, 800)
        await page.open(url)
        await page.wait_true(f"{SHOWN} === '5,000 calls'")
        assert await page.run("return document.querySelectorAll('#rows [role=row]').length") < 60
        assert await page.run("return document.getElementById('tree').ariaRowCount") == "5005"
        active = "document.getElementById(document.getElementById('tree').getAttribute('aria-activedescendant'))"
        await page.type("#tree", END)
        assert await page.run(f"return {active}.innerText.includes('store')")
        await page.type("#tree", f"\ue011{DOWN}{DOWN}{DOWN}{RIGHT}")
        await page.wait_true(f"{active}.ariaExpanded === 'true' && {active}.ariaLevel === '3'")
        assert await page.run("return [...document.querySelectorAll('[aria-level=\"4\"]:not([hidden])')].length") == 1
        first = await page.run(f"return {active}.innerText")
        gone = next(path for path in fake.actors if path.count("/") == 2)
        await server.put("delta", {"at": fake.now, "gone": [gone]})
        await page.wait_true(f"{SHOWN} === '4,999 calls'")
        assert (await page.run(f"return {active}.innerText")).split()[0] == first.split()[0]
        await page.type("#tree", ENTER)
        await page.wait_true("document.querySelectorAll('#panel-life .step').length === 4")
        await page.type("#tree", ESCAPE)
        await see(page, "Activity")
        assert not await page.run("return document.querySelectorAll('.chaos:not([hidden])').length")
        assert await page.console_errors() == []


async def test_killing_is_offered_only_where_the_gateway_allows_it():
    fake = Fake(3)
    async with serving(fake) as (server, url), webdriver.browser() as page:
        await page.open(f"{url}#node/sessions/{next(iter(fake.stories))}")
        await page.wait_true("document.querySelectorAll('.chaos').length === 2")
        assert await page.run("return document.querySelectorAll('.chaos:not([hidden])').length") == 0
        await server.put("snapshot", {"at": fake.now, "actors": fake.actors, "recent": [], "totals": {"chaos": True}})
        await page.wait_true("document.querySelectorAll('.chaos:not([hidden])').length === 2")


@pytest.fixture
def lines():
    written = []
    sink = logger.add(lambda message: written.append(message.record["message"]))
    yield written
    logger.remove(sink)


async def test_an_operator_kills_a_link_and_drains_an_agent_and_the_gateway(tmp_path, lines):
    async with (
        gateway_running(tmp_path, chaos=True) as gateway,
        running(Agent("one")) as one,
        running(Agent("two")) as two,
        call(gateway) as caller,
        webdriver.browser() as page,
    ):
        await register(gateway, one, "triage")
        await register(gateway, two, "triage")
        session_id = await begin(caller, "hello")
        await page.open(f"http://127.0.0.1:{gateway.port}/admin/#node/sessions/{session_id}")
        await see(page, "Started with triage")
        await press(page, "Kill link…")
        await told(page, f"Killed node/sessions/{session_id}/link-1.")
        await see(page, "Lost the link to triage: killed")
        await see(page, "Failed over to triage")

        serving_now = next(agent for agent in (one, two) if agent.sockets)
        await page.click("[data-agent=triage]")
        await press(page, f"Drain {serving_now.url}")
        await told(page, "Draining 1 of triage; 1 calls are on them.")
        await see(page, "Draining")
        await page.wait_true(
            "document.querySelector('[data-agent=triage] .instances').textContent.includes('draining')"
        )
        await press(page, "End drain")
        await told(page, "triage takes calls again.")

        await press(page, "Drain gateway…")
        await told(page, "The gateway is draining; 1 calls are live.")
        await press(page, "End drain…")
        await told(page, "The gateway takes callers again.")
        assert await page.console_errors() == []
    audited = [line for line in lines if "audit: " in line]
    assert [line.split("audit: ")[1].split(" by ")[0] for line in audited] == [
        "POST /admin/chaos/kill",
        f"POST /api/agents/triage/drain?url={quote(serving_now.url, safe='')}",
        "DELETE /api/agents/triage/drain",
        "POST /admin/drain",
        "DELETE /admin/drain",
    ]
