"""Settings of analytics that would lead to a silent loss."""

import pytest

from services.analytics.settings import AnalyticsSettings
from shared.settings import SettingsError, load


def test_a_report_that_is_given_up_is_named_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one letter wrong the partition would stay where it is, and nothing would say why."""
    report = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"
    monkeypatch.setenv("IEUM_GIVEN_UP_REPORTS", f"{report.upper()}, {report},")
    assert load(AnalyticsSettings).given_up() == {report}
    monkeypatch.setenv("IEUM_GIVEN_UP_REPORTS", f"{report},{report}0")
    with pytest.raises(SettingsError, match=r"^setting IEUM_GIVEN_UP_REPORTS: names something that is no id"):
        load(AnalyticsSettings)
    monkeypatch.setenv("IEUM_GIVEN_UP_REPORTS", "")
    assert load(AnalyticsSettings).given_up() == frozenset()
