"""A wrong setting is one line that names the variable, what was found and an example."""

import asyncio
import json

import pytest

from services.notify.auditor import main
from services.notify.auditor.main import AuditorProcess
from services.notify.auditor.service import Auditor
from services.notify.settings import AlertSettings, NotifySettings
from shared.certificates import Address, CertificateWatch
from shared.clock import SystemClock
from shared.kafka.reader import Follower
from shared.settings import KafkaSettings, SettingsError, StoreSettings, load
from tests.support.waiting import DEADLINE_S
from tools.local.keys import new_key


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "NOTIFY_AUDIT_KEY"):
        monkeypatch.setenv(variable, new_key())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NOTIFY_QUIET_HOURS", "22-7"),
        ("NOTIFY_DUTY_ADDRESS", "duty@ieum.example"),
        ("NOTIFY_LEAD_ADDRESS", "{center}@"),
        ("NOTIFY_COLLEAGUES_ADDRESS", "{center}@staff.ieum. example"),
        ("NOTIFY_LEASE_S", "5"),
        ("NOTIFY_SMTP_SECURITY", "ssl"),
        ("NOTIFY_PORT", "99999"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load(NotifySettings)
    assert len(caught.value.lines) == 1
    assert variable in caught.value.lines[0]
    assert value in caught.value.lines[0]


@pytest.mark.parametrize(
    "place", ["gwang-ju/duty", "gwangju/night", "gwangju", "*/", "gwangju/central", "GWANGJU/lead"]
)
def test_a_desk_that_there_is_not_is_refused_and_not_left_without_alerts(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("NOTIFY_APPRISE_URLS", json.dumps({place: "json://a.example"}))
    with pytest.raises(SettingsError, match="NOTIFY_APPRISE_URLS"):
        load(NotifySettings)


@pytest.mark.parametrize("place", ["gwangju/duty", "*/lead", "central/central", "*/central", "central/colleagues"])
def test_every_desk_may_have_a_way_of_its_own(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("NOTIFY_APPRISE_URLS", json.dumps({place: "json://a.example"}))
    assert list(load(NotifySettings).apprise_urls) == [place]


def test_quiet_hours_reach_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(NotifySettings).rules.quiet is None
    monkeypatch.setenv("NOTIFY_QUIET_HOURS", "22:00-07:00")
    assert load(NotifySettings).rules.quiet is not None


def test_the_auditor_starts_without_any_key_and_notify_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("IEUM_TICKET_KEY", "IEUM_DIRECTORY_KEY", "NOTIFY_AUDIT_KEY"):
        monkeypatch.delenv(variable)
    settings = load(AlertSettings)
    AuditorProcess(settings, load(KafkaSettings), load(StoreSettings), SystemClock())
    with pytest.raises(SettingsError):
        load(NotifySettings)


async def test_the_auditor_looks_at_the_certificates_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_PUBLIC_URLS", json.dumps({"notify": "https://report.example"}))
    monkeypatch.setenv("IEUM_TRUSTED_PROXIES", "10.0.0.7")
    looked: asyncio.Queue[dict[str, tuple[Address, ...]]] = asyncio.Queue()

    async def look(watch: CertificateWatch) -> None:
        looked.put_nowait(watch._shown_at)

    monkeypatch.setattr(CertificateWatch, "look", look)
    process = AuditorProcess(load(AlertSettings), load(KafkaSettings), load(StoreSettings), SystemClock())
    running = asyncio.create_task(process.jobs.run())
    assert await looked.get() == {"gateway": (("report.example", 443),)}
    running.cancel()


async def test_the_auditor_looks_as_soon_as_the_topics_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read, looked = asyncio.Event(), asyncio.Queue[bool]()

    async def reading(_: Follower) -> None:
        await read.wait()

    async def look(_: Auditor) -> None:
        looked.put_nowait(read.is_set())

    monkeypatch.setattr(main, "LOOK_S", 3600.0)
    monkeypatch.setattr(Follower, "start", reading)
    monkeypatch.setattr(Auditor, "look", look)
    process = AuditorProcess(load(AlertSettings), load(KafkaSettings), load(StoreSettings), SystemClock())
    running = asyncio.create_task(process.work())
    assert not await looked.get()
    read.set()
    async with asyncio.timeout(DEADLINE_S):
        assert await looked.get()
    running.cancel()


def test_a_mail_server_without_sign_in_is_said_by_an_empty_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SMTP_USERNAME", "")
    assert load(AlertSettings).smtp_username is None


def test_an_empty_credential_for_drills_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an env file says it: with one every drill would fail, and drills be offered."""
    monkeypatch.setenv("NOTIFY_DRILL_CREDENTIAL", "")
    assert load(NotifySettings).drill_credential is None
    monkeypatch.setenv("NOTIFY_DRILL_CREDENTIAL", "drill.secret")
    assert load(NotifySettings).drill_credential is not None
