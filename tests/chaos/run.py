"""One run: callers talk, things break by a seed's schedule, and in the end everything is judged from outside."""

import asyncio
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from itertools import cycle, pairwise

import aiohttp

from tests.chaos.caller import Caller
from tests.chaos.tally import Tally
from tests.chaos.world import NODE_GAP_S, World, until

SETTLE_S = 90.0  # a half-open link is noticed after its ping's deadline: half a minute


class Run:
    """``rate`` faults a second, for so many seconds, among so many callers."""

    def __init__(self, folder, *, seconds, calls, seed, rate=5.0):
        self.seconds, self.rate = seconds, rate
        self.random = random.Random(seed)
        self.tally = Tally()
        self.world = World(folder, self.random)
        self.callers = [Caller(number, random.Random(f"{seed}/{number}"), self.tally) for number in range(calls)]
        self._node_free_at = self._agent_free_at = 0.0
        self._mending = set()

    async def go(self):
        """Do it all; gives the tally."""
        try:
            await self.world.start()
            await self._measure()
        finally:
            code = await self.world.stop()
        self.tally.cpu_s = self.world.cpu_s
        if code != 0:
            self.tally.violations.append(f"the gateway ended with {code}")
        self.tally.violations += [f"log: {line}" for line in self.world.complaints()[:20]]
        return self.tally

    async def _measure(self):
        before = await self.world.counts()
        for caller, url in zip(self.callers, cycle(self.world.urls()), strict=False):
            caller.url = url
        calling = [asyncio.create_task(caller.run()) for caller in self.callers]
        await until(self._everybody_there, SETTLE_S)
        ends = time.monotonic() + self.seconds
        await asyncio.gather(self._break_things(ends), *(caller.talk(ends) for caller in self.callers))
        await self._mend_everything()
        with suppress(TimeoutError):
            await until(self._everything_answered, SETTLE_S)
        await self._read_metrics()
        await asyncio.gather(*(caller.leave() for caller in self.callers))
        await asyncio.gather(*calling)
        await self._judge(before)

    async def _everybody_there(self):
        return all(caller.socket is not None for caller in self.callers)

    async def _everything_answered(self):
        return not any(caller.open_texts() or caller.silent_since is not None for caller in self.callers)

    # --- breaking ---

    async def _break_things(self, ends):
        kinds, weights = zip(*self._faults().items(), strict=True)
        due = time.monotonic()
        while (due := due + self.random.expovariate(self.rate)) < ends:
            await asyncio.sleep(due - time.monotonic())
            (kind,) = self.random.choices(kinds, weights)
            with suppress(aiohttp.ClientError):
                if await getattr(self, f"_{kind}")():
                    self.tally.faults[kind.replace("_", " ")] += 1

    def _faults(self):
        return {
            "kill_link": 80,
            "kill_session": 10,
            "kill_registry": 2,
            "kill_store": 2,
            "kill_agent": 6,
            "freeze_agent": 4,
            "reset_one_link": 20,
            "reset_all_links": 5,
            "black_hole": 2,
            "slow_network": 3,
            "thin_network": 2,
            "refused_dials": 2,
            "slow_close": 4,
            "full_disk": 2,
            "reset_caller": 10,
            "callers_black_hole": 2,
            "callers_slow_network": 2,
            "callers_slow_close": 2,
            "names_fail": 1,
            "slow_names": 1,
            "clock_step": 3,
        }

    async def _kill_link(self):
        return await self.world.kill(link_of=self.random.choice(self.callers).session)

    async def _kill_session(self):
        return await self.world.kill(actor=f"node/sessions/{self.random.choice(self.callers).session}")

    async def _kill_registry(self):
        return await self._kill_of_node("registry")

    async def _kill_store(self):
        return await self._kill_of_node("store")

    async def _kill_of_node(self, name):
        if time.monotonic() < self._node_free_at:
            return False
        self._node_free_at = time.monotonic() + NODE_GAP_S
        return await self.world.kill(actor=f"node/{name}")

    async def _kill_agent(self):
        agent = self._an_agent(3.0)
        if agent is None:
            return False
        agent.signal(signal.SIGKILL)
        await agent.process.wait()
        self._later(self.random.uniform(0.2, 2.0), agent.spawn)
        return True

    async def _freeze_agent(self):
        agent = self._an_agent(5.0)
        if agent is None:
            return False
        process = agent.process
        process.send_signal(signal.SIGSTOP)

        async def thaw():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)

        self._later(self.random.choice((1.0, 4.0, 40.0)), thaw)
        return True

    def _an_agent(self, gap_s):
        """An instance that runs; not so often that none of an agent would be left for long."""
        if time.monotonic() < self._agent_free_at:
            return None
        self._agent_free_at = time.monotonic() + gap_s
        agent = self.random.choice(self.world.agents)
        return agent if agent.process.returncode is None else None

    async def _reset_one_link(self):
        return self._proxy().reset_one()

    async def _reset_all_links(self):
        proxy = self._proxy()
        proxy.reset_all()
        return True

    async def _black_hole(self):
        return self._for_a_while(self.random.uniform(1, 10), black_hole=True)

    async def _slow_network(self):
        return self._for_a_while(5.0, delay_s=self.random.uniform(0.05, 0.5), jitter_s=0.3)

    async def _thin_network(self):
        return self._for_a_while(3.0, rate=20_000.0)

    async def _refused_dials(self):
        return self._for_a_while(2.0, refuses=True)

    async def _slow_close(self):
        self._proxy().close_slowly()
        return True

    async def _full_disk(self):
        self.world.fill_disk(full=True)

        async def free():
            self.world.fill_disk(full=False)

        self._later(3.0, free)
        return True

    async def _reset_caller(self):
        return self.world.callers_way.reset_one()

    async def _callers_black_hole(self):
        return self._for_a_while(self.random.uniform(1, 10), self.world.callers_way, black_hole=True)

    async def _callers_slow_network(self):
        return self._for_a_while(5.0, self.world.callers_way, delay_s=self.random.uniform(0.05, 0.5), jitter_s=0.3)

    async def _callers_slow_close(self):
        self.world.callers_way.close_slowly()
        return True

    async def _names_fail(self):
        return self._names("fails")

    async def _slow_names(self):
        return self._names("slow")

    def _names(self, state):
        self.world.set_names(state)

        async def mend():
            self.world.set_names("well")

        self._later(self.random.uniform(0.5, 4.0), mend)
        return True

    async def _clock_step(self):
        """Minutes to a day, to and fro; tokens and the store's documents live for hours."""
        self.world.step_clock(self.random.choice((-86_400, -3600, -60, 0, 60, 3600, 86_400)))
        return True

    def _proxy(self):
        return self.random.choice(self.world.agents).proxy

    def _for_a_while(self, seconds, proxy=None, **faults):
        proxy = proxy or self._proxy()
        proxy.set(**faults)

        async def mend():
            proxy.set()

        self._later(seconds, mend)
        return True

    def _later(self, seconds, mend):
        async def wait():
            await asyncio.sleep(seconds)
            await mend()

        task = asyncio.create_task(wait())
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend_everything(self):
        """All faults end; what was to be mended later is mended by its own time."""
        await asyncio.gather(*self._mending)
        for proxy in (self.world.callers_way, *(agent.proxy for agent in self.world.agents)):
            proxy.set()

    # --- judging ---

    async def _read_metrics(self):
        found = await self.world.metrics()
        self.tally.metrics["swaps"] = _labelled(found, "understudy_swaps_total")
        self.tally.metrics["dropped"] = _labelled(found, "understudy_dropped_frames_total")

    async def _judge(self, before):
        left = {}
        with suppress(TimeoutError):
            await until(partial(self._nothing_left, before, left), SETTLE_S)
        tally = self.tally
        tally.left = left
        tally.violations += [f"left behind: {count} {name}" for name, count in left.items() if count > 0]
        for caller in self.callers:
            tally.violations += caller.violations()
            tally.violations += _disorder(caller)
        tally.texts = Counter(
            said=sum(len(caller.said) for caller in self.callers),
            answered=sum(len(caller.answers) for caller in self.callers),
            answered_twice=sum(len(by) > 1 for caller in self.callers for by in caller.answers.values()),
            lost_in_silence=sum(len(caller.open_texts()) for caller in self.callers),
        )
        tally.texts["lost_and_told"] = tally.texts["said"] - tally.texts["answered"] - tally.texts["lost_in_silence"]

    async def _nothing_left(self, before, left):
        now = await self.world.counts()
        left.update({name: max(0, now[name] - before[name]) for name in before})
        return not any(left.values())


def _disorder(caller):
    """Answers of one incarnation come in the order of what was said to it."""
    by_agent = {}
    for text, agents in caller.answers.items():
        for agent in agents:
            by_agent.setdefault(agent, []).append(int(text.partition(" ")[0].partition("-")[2]))
    for agent, numbers in by_agent.items():
        if any(after < before for before, after in pairwise(numbers)):
            yield f"{caller.name}: {agent} heard {numbers}"


def _labelled(found, name):
    return {
        key.removeprefix(name).strip("{}"): int(value) for key, value in found.items() if key.startswith(f"{name}{{")
    }
