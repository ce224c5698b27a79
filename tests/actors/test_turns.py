from actors.messages import CallerText
from actors.turns import MAX_UNANSWERED, SAME_BREATH_S, Turns

A, B, C = CallerText("a"), CallerText("b"), CallerText("c")


def test_the_unanswered_go_before_what_was_stashed():
    turns = Turns().asked(A, held=False).asked(B, held=True).agent_lost().asked(C, held=True)
    assert turns.stashed == (A, B, C)
    assert turns.cut_over() == Turns(unanswered=(A, B, C))


def test_an_answer_that_began_is_an_answer():
    assert Turns().asked(A, held=False).answered(0).agent_lost() == Turns()


def test_what_is_only_begun_and_what_was_given_with_it_is_in_doubt_until_it_is_answered():
    turns = Turns().asked(A, held=False).asked(B, held=False).answered(0, final=False).answered(1, final=False)
    assert turns.repeated() == ()
    assert turns.in_doubt
    assert turns.answered(2).in_doubt
    assert not turns.answered(2).answered(3).in_doubt


def test_nothing_is_repeated_for_which_a_tool_was_used():
    turns = Turns().asked(A, held=False).tool_used("pay", "1")
    assert turns.agent_lost().stashed == ()
    assert turns.tool_returned("2").tool is not None
    returned = turns.tool_returned("1")
    assert returned.agent_lost().stashed == ()
    assert returned.in_doubt
    assert not returned.answered(0).in_doubt


def test_a_wish_to_hand_over_answers_what_is_open_unless_it_belongs_to_the_words_before():
    turns = Turns().asked(A, held=False).answered(10).asked(B, held=False)
    assert turns.handed_over(10 + SAME_BREATH_S).in_doubt
    assert not turns.handed_over(10.1 + SAME_BREATH_S).in_doubt
    assert not Turns().asked(A, held=False).handed_over(0).in_doubt


def test_what_an_agent_says_of_what_it_was_told_leaves_the_callers_words_in_doubt():
    turns = Turns().told().asked(A, held=False).answered(0)
    assert turns.in_doubt
    assert not turns.answered(1).in_doubt


def test_a_handover_leaves_old_turns_with_the_old_agent():
    assert Turns().asked(A, held=False).asked(B, held=True).agent_left_behind() == Turns(stashed=(B,))


def test_both_lists_are_bounded():
    turns = Turns()
    for number in range(MAX_UNANSWERED + 5):
        turns = turns.asked(CallerText(str(number)), held=False).asked(A, held=True)
    assert len(turns.unanswered) == len(turns.stashed) == MAX_UNANSWERED
    assert turns.unanswered[0] == CallerText("5")


def test_a_link_that_stays_after_all_keeps_its_doubts_and_its_tool():
    turns = Turns().asked(A, held=False).asked(B, held=False).answered(1.0).tool_used("pay", "1").asked(C, held=True)
    stayed = turns.returned()
    assert (stayed.unanswered, stayed.stashed) == ((C,), ())
    assert (stayed.doubtful, stayed.repeated()) == (1, ())
