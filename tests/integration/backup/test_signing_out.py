"""After a restore identity gets a new signing key while nothing may serve its store yet."""

import json
from typing import Any

import pytest

from services.identity import cli
from services.identity.settings import IdentitySettings
from shared.settings import StoreSettings
from tests.integration.trust.opening import a_key
from tools.backup import stores


def test_only_a_command_that_is_told_of_the_restore_makes_a_signing_key_in_a_store_that_is_not_opened(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"master_key": "n", "account_key": "c", "root_key": "r", "IEUM_DIRECTORY_KEY": "d", "audit_key": "a"}
    settings = IdentitySettings.model_validate({name: a_key(letter) for name, letter in keys.items()})
    known: dict[type, Any] = {IdentitySettings: settings, StoreSettings: store_settings}
    monkeypatch.setattr(cli, "load", known.__getitem__)
    with stores.client_of(store_settings) as client:
        stores.mark(client, store_settings, "one")
        database = client[f"{store_settings.database_prefix}identity"]
        before = database.list_collection_names()
        assert cli.rotate_signing_key(at_once=True, restored=False) == cli.REFUSED
        said = capsys.readouterr()
        assert "is not finished" in said.err
        assert said.out == ""
        assert database.list_collection_names() == before, "nothing was written"
        assert cli.rotate_signing_key(at_once=True, restored=True) == 0
        assert json.loads(capsys.readouterr().out)["kid"]
        assert stores.marked(client, store_settings), "only the restore's end opens it"
