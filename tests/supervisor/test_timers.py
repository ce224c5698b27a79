from supervisor.timers import Arm, Timers


def test_a_restarted_timer_costs_one_wakeup_and_fires_at_the_later_time():
    timers = Timers()
    first = timers.start("idle", 1.0, 0.0)
    assert isinstance(first, Arm)
    assert timers.start("idle", 1.0, 0.5) is None
    again = timers.fired(first.payload, 1.0)
    assert again == Arm(0.5, first.payload)
    assert timers.fired(first.payload, 1.5) is True
    assert "idle" not in timers


def test_an_earlier_restart_voids_the_first_wakeup():
    timers = Timers()
    late, early = timers.start("t", 5.0, 0.0), timers.start("t", 1.0, 0.0)
    assert (late.payload.void, early.payload.void) == (True, False)
    assert timers.fired(early.payload, 1.0) is True
    assert timers.fired(late.payload, 5.0) is False


def test_a_cancelled_timer_does_not_fire_and_its_wakeup_is_void():
    timers = Timers()
    first = timers.start("t", 1.0, 0.0).payload
    timers.cancel("t")
    assert "t" not in timers
    assert first.void
    second = timers.start("t", 1.0, 0.2).payload
    assert timers.fired(first, 1.0) is False
    assert timers.fired(second, 1.2) is True
