from actors.messages import CallerText
from actors.turns import MAX_UNANSWERED, Turns

A, B, C = CallerText("a"), CallerText("b"), CallerText("c")


def test_the_unanswered_go_before_what_was_stashed():
    turns = Turns().asked(A, held=False).asked(B, held=True).agent_lost().asked(C, held=True)
    assert turns.stashed == (A, B, C)
    assert turns.cut_over() == Turns(unanswered=(A, B, C))


def test_an_answer_that_began_is_an_answer():
    assert Turns().asked(A, held=False).answered().agent_lost() == Turns()


def test_nothing_is_repeated_while_a_tool_runs():
    turns = Turns().asked(A, held=False).tool_used("pay", "1")
    assert turns.agent_lost().stashed == ()
    assert turns.tool_returned("2").repeated() == ()
    assert turns.tool_returned("1").repeated() == (A,)


def test_a_handover_leaves_old_turns_with_the_old_agent():
    assert Turns().asked(A, held=False).asked(B, held=True).agent_left_behind() == Turns(stashed=(B,))


def test_both_lists_are_bounded():
    turns = Turns()
    for number in range(MAX_UNANSWERED + 5):
        turns = turns.asked(CallerText(str(number)), held=False).asked(A, held=True)
    assert len(turns.unanswered) == len(turns.stashed) == MAX_UNANSWERED
    assert turns.unanswered[0] == CallerText("5")


def test_a_link_that_stays_after_all_keeps_its_doubts_and_its_tool():
    turns = Turns().asked(A, held=False).asked(B, held=False).answered().tool_used("pay", "1").asked(C, held=True)
    stayed = turns.returned()
    assert (stayed.unanswered, stayed.stashed) == ((C,), ())
    assert (stayed.doubtful, stayed.repeated()) == (1, ())
