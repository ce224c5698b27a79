"""What orchestrators are told."""

from gateway.health import Health


async def test_a_running_gateway_lives_is_ready_and_knows_its_load(rest):
    assert await rest.get("/livez") == (200, {"status": "alive"})
    assert await rest.get("/readyz") == (200, {"status": "ready", "reasons": {}})
    assert await rest.get("/autoscaling") == (200, {"sessions": 0, "max_sessions": 10_000, "load": 0.0})


async def test_a_named_check_makes_it_not_ready_with_its_reason(rest):
    state = {"why": "draining"}
    rest.gateway.health.add("drain", lambda: state["why"])
    assert await rest.get("/readyz") == (503, {"status": "not ready", "reasons": {"drain": "draining"}})
    state["why"] = ""
    assert (await rest.get("/readyz"))[0] == 200


async def test_a_tree_that_does_not_answer_is_alive_not_ready_and_of_unknown_load(rest):
    async def silent(*_):
        return None

    rest.gateway.health._ask = silent
    assert (await rest.get("/livez"))[0] == 200
    status, body = await rest.get("/readyz")
    assert (status, list(body["reasons"])) == (503, ["tree"])
    status, body = await rest.get("/autoscaling")
    assert status == 503
    assert "sessions" not in body


async def test_a_tree_that_has_ended_is_dead():
    async def silent(*_):
        return None

    health = Health(alive=lambda: False, load=lambda: (0, 1), ask=silent)
    assert (await health.livez(None)).status == 503
