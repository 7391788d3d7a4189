"""Wrong receipts are counted by tier and by all processes together; nothing that is forgotten resets a count."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.caller import Caller
from services.intake.encryption.keys import KeyedDigests
from services.intake.rate_limits import rules, wrong_receipts
from services.intake.rate_limits.rules import COUNTRY, CallerTier, Tier
from services.intake.rate_limits.wrong_receipts import CEILING, WrongReceipts
from shared.errors import TransientError
from shared.identity.principal import Principal
from tests.support.clock import ManualClock

KEYS = KeyedDigests(b"r" * 32)
NOW = datetime(2026, 11, 27, 3, 59, tzinfo=UTC)
PER_NETWORK: Final = 20
HOME = Caller("203.0.113.0/24")
KIOSK = Caller("203.0.113.0/24", client="kiosk")


class Counts:
    """The store's part, shared by the processes of a test."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.away = False

    async def add(self, counts: Mapping[str, int], now: datetime) -> dict[str, int]:
        self._answer()
        for name, n in counts.items():
            document = self.documents.setdefault(name, {})
            document["n"] = document.get("n", 0) + n
        return {name: self.documents[name]["n"] for name in counts}

    async def hold(self, places: Mapping[str, datetime]) -> None:
        self._answer()
        for name, until in places.items():
            self.documents.setdefault(name, {})["held_until"] = until

    async def held(self, after: datetime, latest: datetime) -> list[tuple[str, datetime]]:
        self._answer()
        held = [(name, document["held_until"]) for name, document in self.documents.items() if "held_until" in document]
        return [(name, until) for name, until in held if after < until <= latest]

    def _answer(self) -> None:
        if self.away:
            raise TransientError("store: gone")


class Processes:
    """Several intakes with one store."""

    def __init__(self, number: int = 2) -> None:
        self.clock, self.store = ManualClock(NOW), Counts()
        store: Any = self.store
        self.all = [WrongReceipts(store, KEYS, self.clock, per_network=PER_NETWORK) for _ in range(number)]

    async def exchange(self) -> None:
        for _ in range(2):  # the first round tells, the second learns
            for one in self.all:
                await one.exchange()


def guess(process: WrongReceipts, caller: Caller, most: int = 10_000) -> int:
    """Wrong receipts until the caller is held back."""
    sent = 0
    while sent < most and not process.wait(caller):
        process.count(caller)
        sent += 1
    return sent


OPERATOR = Principal("s-1", "busan", frozenset(), "session", NOW, NOW)


@pytest.mark.parametrize(
    ("caller", "places"),
    [
        (HOME, [(Tier.NETWORK, "203.0.113.0/24"), (Tier.WIDE_NETWORK, "203.0.0.0/16"), COUNTRY]),
        (Caller("2001:db8:1::/48"), [(Tier.NETWORK, "2001:db8:1::/48"), (Tier.WIDE_NETWORK, "2001:db8::/32"), COUNTRY]),
        (Caller("unknown"), [(Tier.NETWORK, "unknown"), (Tier.WIDE_NETWORK, "unknown"), COUNTRY]),
        (KIOSK, [(Tier.FRONT_END, "kiosk"), COUNTRY]),
        (
            Caller("203.0.113.0/24", client="kiosk", visitor="v7"),
            [(Tier.VISITOR, "kiosk v7"), (Tier.FRONT_END, "kiosk"), COUNTRY],
        ),
        (Caller("203.0.113.0/24", operator=OPERATOR), [(Tier.STAFF, "s-1"), COUNTRY]),
    ],
)
def test_where_a_caller_is_counted(caller: Caller, places: list[CallerTier]) -> None:
    assert list(rules.tiers_of(caller)) == places


@given(st.lists(st.integers(0, 1), min_size=PER_NETWORK, max_size=PER_NETWORK), st.sets(st.integers(0, PER_NETWORK)))
async def test_however_guesses_are_spread_over_processes_the_network_is_held_back(
    order: list[int], exchanges: set[int]
) -> None:
    processes = Processes()
    for number, chosen in enumerate(order):
        processes.all[chosen].count(HOME)
        if number in exchanges:
            await processes.exchange()
    await processes.exchange()
    assert [process.wait(HOME) for process in processes.all] == [rules.HELD_S] * 2
    assert [process.wait(Caller("198.51.100.0/24")) for process in processes.all] == [0, 0]


@pytest.mark.parametrize("network", ["10.7.{n}.0/24", "2001:db8:{n:x}::/48"])
async def test_who_has_many_networks_of_one_provider_is_held_back_as_one(network: str) -> None:
    processes = Processes()
    sent = 0
    for n in range(100):
        sent += guess(processes.all[n % 2], Caller(network.format(n=n)), PER_NETWORK - 1)
        await processes.exchange()
    assert sent <= 10 * PER_NETWORK + PER_NETWORK
    assert processes.all[0].wait(Caller(network.format(n=200))) > 0
    assert processes.all[0].wait(Caller("192.0.2.0/24")) == 0


async def test_wrong_receipts_through_a_front_end_count_against_it_and_not_against_its_network() -> None:
    processes = Processes()
    assert guess(processes.all[0], KIOSK) == 10 * PER_NETWORK
    await processes.exchange()
    assert [process.wait(KIOSK) > 0 for process in processes.all] == [True, True]
    assert processes.all[1].wait(HOME) == 0
    assert processes.all[1].wait(Caller("203.0.113.0/24", client="school")) == 0


async def test_one_visitor_of_a_front_end_that_tells_them_apart_holds_back_no_other() -> None:
    processes = Processes()
    one, other = (Caller("203.0.113.0/24", client="kiosk", visitor=name) for name in ("v1", "v2"))
    assert guess(processes.all[0], one) == PER_NETWORK
    await processes.exchange()
    assert [process.wait(one) > 0 for process in processes.all] == [True, True]
    assert [process.wait(other) for process in processes.all] == [0, 0]


async def test_a_full_memory_resets_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_receipts, "MOST", 5)
    processes = Processes(1)
    [process] = processes.all
    for _ in range(PER_NETWORK - 1):
        process.count(HOME)
    await processes.exchange()
    for n in range(20):  # others push it out of the memory
        process.count(Caller(f"10.{n}.0.0/24"))
        await processes.exchange()
    assert len(process._totals) <= 5
    process.count(HOME)
    await processes.exchange()
    assert process.wait(HOME) > 0


async def test_a_new_process_knows_whom_the_others_hold_back() -> None:
    processes = Processes(1)
    guess(processes.all[0], HOME)
    await processes.exchange()
    store: Any = processes.store
    late = WrongReceipts(store, KEYS, processes.clock, per_network=PER_NETWORK)
    await late.exchange()
    assert late.wait(HOME) > 0


async def test_what_nobody_can_be_held_back_for_holds_nobody_back_and_hides_no_other() -> None:
    processes, stranger = Processes(), Caller("198.51.100.0/24")
    first, second = processes.all
    guess(first, HOME)
    await first.exchange()
    (name,) = [name for name, one in processes.store.documents.items() if "held_until" in one]
    planted = processes.store.documents[name]
    planted["held_until"] = NOW + timedelta(days=365)
    await second.exchange()
    assert second.wait(HOME) == 0, "by a clock that is ahead, or by whoever can write to the store"
    guess(first, stranger)
    await processes.exchange()
    assert second.wait(stranger) > 0


async def test_while_the_store_is_away_each_process_counts_alone_and_tells_later() -> None:
    processes = Processes()
    processes.store.away = True
    assert guess(processes.all[0], HOME) == PER_NETWORK
    with pytest.raises(TransientError):
        await processes.all[0].exchange()
    assert wrong_receipts.ALONE._value.get() == 1
    assert processes.all[1].wait(HOME) == 0
    processes.store.away = False
    await processes.exchange()
    assert processes.all[1].wait(HOME) > 0
    assert wrong_receipts.ALONE._value.get() == 0
    assert sum(d["n"] for k, d in processes.store.documents.items() if ":network:" in k) == PER_NETWORK


async def test_the_ceiling_of_the_country_alarms_and_makes_limits_stricter_and_shuts_nobody_out() -> None:
    processes = Processes()
    n = 0
    while not processes.all[0].is_strict():
        processes.all[0].count(Caller(f"10.{n // 10}.{n % 10}.0/24"))
        n += 1
        assert n <= 100 * PER_NETWORK
    await processes.exchange()
    assert n == 100 * PER_NETWORK
    assert (CEILING._value.get(), processes.all[1].is_strict()) == (1, True)
    assert processes.all[1].wait(HOME) == 0
    assert guess(processes.all[1], HOME) == PER_NETWORK // 10
    assert guess(processes.all[1], KIOSK) == 10 * PER_NETWORK, "what holds many people is not held back sooner"
    await processes.clock.advance(rules.HELD_S + 1)
    await processes.exchange()
    assert (CEILING._value.get(), guess(processes.all[1], HOME)) == (0, PER_NETWORK)


async def test_an_hour_later_a_network_is_as_new() -> None:
    processes = Processes()
    guess(processes.all[0], HOME)
    await processes.exchange()
    await processes.clock.advance(rules.HELD_S - 1)
    assert processes.all[1].wait(HOME) == 1
    await processes.clock.advance(1)
    await processes.exchange()
    assert guess(processes.all[1], HOME) == PER_NETWORK


async def test_right_receipts_and_quiet_hours_write_nothing() -> None:
    processes = Processes()
    assert processes.all[0].wait(HOME) == 0
    await processes.exchange()
    assert processes.store.documents == {}


async def test_no_address_is_stored() -> None:
    processes = Processes()
    guess(processes.all[0], HOME)
    guess(processes.all[0], KIOSK)
    await processes.exchange()
    assert processes.store.documents
    assert not [key for key in processes.store.documents if "203.0" in key or "kiosk" in key]


def test_a_count_belongs_to_its_hour() -> None:
    assert rules.hour_of(NOW.timestamp()) + 1 == rules.hour_of((NOW + timedelta(minutes=1)).timestamp())
