from typing import get_args

import pytest

from actors import effects, link_machine, messages, registry_messages, session_machine, session_state
from actors.agent_link import AgentLink
from actors.session import SessionActor

KNOWN = {**vars(registry_messages), **vars(messages), **vars(session_state)}


def members(union):
    """The classes of a closed union, which may be written down as text and hold other unions."""
    found = eval(union, {**KNOWN, "RegistrySays": KNOWN["InstancePicked"]}) if isinstance(union, str) else union  # noqa: S307
    return set(get_args(found))


@pytest.mark.parametrize(
    ("table", "union"),
    [
        (session_machine._REACTIONS, session_state.SessionInput),
        (SessionActor._PERFORMED, effects.SessionEffect),
        (AgentLink._PERFORMED, effects.LinkEffect),
        (link_machine._STEPS, link_machine.LinkState),
    ],
    ids=["events of a session", "effects of a session", "effects of a link", "states of a link"],
)
def test_a_table_has_a_row_for_every_member_of_its_union_and_no_other(table, union):
    expected = members(union)
    if union is session_state.SessionInput:
        expected |= members(session_state.RegistrySays)
    assert set(table) == expected
