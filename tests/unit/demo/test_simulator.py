from collections import Counter

import orjson
import pytest

from services.intake.submissions.models import Submission
from shared import centers
from tools.demo import params, simulator

COUNT = 500


@pytest.fixture(scope="module")
def week() -> list[simulator.Request]:
    return simulator.requests(params.load(), seed=7, count=COUNT, run="t")


def test_the_same_seed_gives_the_same_week(week: list[simulator.Request]) -> None:
    again = simulator.requests(params.load(), seed=7, count=COUNT, run="t")
    assert again == week
    assert simulator.requests(params.load(), seed=8, count=COUNT, run="t") != week


def test_every_good_report_is_one_that_intake_takes(week: list[simulator.Request]) -> None:
    good = [request for request in week if request.kind == simulator.ACCEPTED]
    assert len(good) == len({request.key for request in good}) == COUNT
    for request in good:
        Submission.model_validate_json(request.body)


def test_the_week_holds_every_role_channel_and_place(week: list[simulator.Request]) -> None:
    bodies = [orjson.loads(request.body) for request in week if request.kind == simulator.ACCEPTED]
    assert {body["role"] for body in bodies} == {"victim", "representative", "third_party"}
    assert {body["channel"] for body in bodies} == {"web", "phone"}
    divisions = {body["division"] for body in bodies}
    assert {"seoul", "overseas", "unknown", "jeonnam-gwangju", "sejong", "jeju"} <= divisions
    told = [body["district"] for body in bodies if "district" in body]
    assert set(told) <= {district.code for district in centers.districts_of("jeonnam-gwangju")}
    assert told
    assert any("declined_centers" in body for body in bodies)


def test_shares_are_near_the_published_ones(week: list[simulator.Request]) -> None:
    bodies = [orjson.loads(request.body) for request in week if request.kind == simulator.ACCEPTED]
    places = Counter(body["division"] for body in bodies)
    assert places["gyeonggi"] / COUNT == pytest.approx(0.25, abs=0.06)
    per_report = sum(len(body["harm_types"]) for body in bodies) / COUNT
    assert per_report == pytest.approx(1.63, abs=0.08)


def test_repeats_come_after_their_original_with_the_same_body(week: list[simulator.Request]) -> None:
    seen: dict[str, bytes] = {}
    repeats = 0
    for request in week:
        if request.kind == simulator.REPEAT:
            assert seen[request.key] == request.body
            repeats += 1
        elif request.kind == simulator.ACCEPTED:
            seen[request.key] = request.body
    assert repeats == 15


def test_every_kind_of_refusal_is_there(week: list[simulator.Request]) -> None:
    kinds = Counter(request.kind for request in week)
    assert {kind: kinds[kind] for kind in simulator.REFUSALS} == dict.fromkeys(simulator.REFUSALS, 2)
    large = [len(request.body) for request in week if request.kind == "too_large"]
    assert min(large) > 64 * 1024
