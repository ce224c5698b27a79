"""A pytest plugin that makes Thespian's own tests run on our system base, without a change to Thespian."""

from __future__ import annotations

import pytest
import thespian.test
from thespian.actors import ActorSystem

from supervisor.system_base import by_name

by_name.register()

NO_CONVENTION = "several systems joined over a network are not in one process's scope"
NO_SOURCES = "loading actor source at run time is out of scope"
CAPABILITIES = {"Foo Allowed": True, "Cows Allowed": True, "Dogs Allowed": True, "dog": "food"}


@pytest.fixture(params=[by_name.NAME])
def asys(request):
    system = ActorSystem(systemBase=request.param, capabilities=dict(CAPABILITIES), logDefs=False, transientUnique=True)
    system.base_name, system.port_num, system.txonly = request.param, None, False
    yield system
    system.shutdown()


thespian.test.asys = asys

_stock_unsupported = thespian.test.actor_system_unsupported


def actor_system_unsupported(system, *bases):
    """Skip ours where the suite skips the bases without conventions."""
    if system.base_name == by_name.NAME and "multiprocQueueBase" in bases:
        pytest.skip(NO_CONVENTION)
    _stock_unsupported(system, *bases)


thespian.test.actor_system_unsupported = actor_system_unsupported


def pytest_collection_modifyitems(config, items):
    ours, others = [], []
    for item in items:
        callspec = getattr(item, "callspec", None)
        base = (
            next((p for p in callspec.params.values() if isinstance(p, str) and "Base" in p), None)
            if callspec
            else None
        )
        (ours if base == by_name.NAME else others).append(item)
        if _needs_sources(item):
            item.add_marker(pytest.mark.skip(reason=NO_SOURCES))
    items[:] = ours
    config.hook.pytest_deselected(items=others)


def _needs_sources(item):
    if "test_sourceLoading" in item.nodeid or "test_sourceAuthority" in item.nodeid:
        return True
    return "test_troupe" in item.nodeid and "Loadable" in item.nodeid
