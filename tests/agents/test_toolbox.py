import json

import pytest
from loguru import logger

from agents.bank import Bank
from agents.bank_tools import executors
from agents.services import AGENTS
from agents.toolbox import Toolbox, load_definitions


@pytest.fixture
def log():
    lines = []
    sink = logger.add(lines.append, format="{level} {message}")
    yield lines
    logger.remove(sink)


@pytest.fixture
def tools():
    with Bank() as bank:
        definitions = load_definitions()
        yield Toolbox.of(definitions, definitions, executors(bank))


SARAH = {"accountNumber": "12345678", "sortCode": "112233"}


def test_loading_is_logged(log):
    load_definitions()
    assert "INFO Loaded 4 banking tools\n" in log


def test_a_file_that_is_no_definition_is_skipped_and_named(tmp_path, log):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.json").write_text(json.dumps({"name": "odd", "inputSchema": {"oneOf": []}}))
    (tmp_path / "good.json").write_text(json.dumps({"name": "good", "parameters": {"type": "object"}}))
    assert list(load_definitions(tmp_path)) == ["good"]
    assert any("broken.json" in line for line in log)
    assert any("oneOf" in line for line in log)


def test_every_tool_of_every_agent_is_defined_and_implemented():
    definitions = load_definitions()
    with Bank() as bank:
        runs = executors(bank)
        for agent in AGENTS.values():
            for name in agent.tools:
                assert definitions[name].category == "handoff" or name in runs


def test_idv(tools):
    verified = tools.run("perform_idv_check", SARAH).data
    assert (verified["auth_status"], verified["customer_name"]) == ("VERIFIED", "Sarah Jones")
    assert tools.run("perform_idv_check", SARAH | {"sortCode": "000000"}).data["auth_status"] == "FAILED"


@pytest.mark.parametrize(
    ("name", "given", "wrong"),
    [
        ("perform_idv_check", {"accountNumber": "12345678"}, "sortCode is required"),
        ("perform_idv_check", SARAH | {"accountNumber": "1234"}, "expected form"),
        ("perform_idv_check", SARAH | {"accountNumber": 12345678}, "type string"),
        ("perform_idv_check", SARAH | {"pin": "1"}, "pin is not known"),
        ("calculate_max_loan", {"total_annual_income": -1}, "at least 1"),
        ("calculate_max_loan", {"total_annual_income": True}, "type number"),
        ("update_dispute_case", {"caseId": "D1", "status": "lost", "additionalDetails": ""}, "one of"),
        ("return_to_triage", {"summary": "x"}, "taskCompleted is required"),
        ("open_safe", {}, "not offered"),
    ],
)
def test_wrong_input_is_a_clear_failure(tools, name, given, wrong):
    outcome = tools.run(name, given)
    assert not outcome.success
    assert wrong in outcome.error
    assert "12345678" not in outcome.error


def test_a_failing_tool_is_an_outcome(tools):
    case = {"caseId": "D9999", "status": "closed", "additionalDetails": ""}
    assert "no dispute" in tools.run("update_dispute_case", case).error
    assert "time zone" in tools.run("get_server_time", {"timezone": "Mars/Olympus"}).error
    assert "T" in tools.run("get_server_time", {}).data["time"]
