"""Settings of analytics that would lead to a silent loss."""

import base64

import pytest

from services.analytics.settings import AnalyticsSettings
from shared.settings import SettingsError, load


def test_an_audit_that_was_begun_goes_on_or_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_AUDIT_KEY", base64.b64encode(b"s" * 32).decode())
    with pytest.raises(SettingsError) as caught:
        load(AnalyticsSettings)
    (line,) = caught.value.lines
    assert line.startswith("settings: IEUM_AUDIT_KEY is set and ANALYTICS_AUDIT_KEY is not")
    monkeypatch.setenv("ANALYTICS_AUDIT_KEY", base64.b64encode(b"o" * 32).decode())
    assert load(AnalyticsSettings).audit_keys() is not None
    monkeypatch.delenv("IEUM_AUDIT_KEY")
    monkeypatch.delenv("ANALYTICS_AUDIT_KEY")
    assert load(AnalyticsSettings).audit_keys() is None
