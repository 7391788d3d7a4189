from collections import Counter

from tests.kill import plan


def test_every_target_is_hit_as_often_as_asked_while_reports_go_in() -> None:
    faults = plan.draw(3, reports=2000, kills=2, freezes=2, session_timeout_s=6)
    assert Counter(f.target for f in faults if f.action == "kill") == dict.fromkeys(plan.TARGETS, 2)
    frozen = [fault for fault in faults if fault.action == "freeze"]
    assert {fault.target for fault in frozen} == {"routing"}
    assert all(fault.seconds > 6 for fault in frozen)
    assert all(0 < fault.after < 1900 for fault in faults)
    assert faults == sorted(faults, key=lambda fault: fault.after)


def test_the_seed_is_the_plan() -> None:
    def planned(seed: int) -> list[plan.Fault]:
        return plan.draw(seed, reports=100, kills=1, freezes=1, session_timeout_s=6)

    assert planned(5) == planned(5)
    assert planned(5) != planned(6)
