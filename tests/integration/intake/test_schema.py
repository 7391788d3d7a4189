"""The published OpenAPI document against the running API: whatever schemathesis makes of it, no answer surprises."""

import asyncio
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.settings import KafkaSettings, StoreSettings
from shared.web.openapi import openapi_of
from tests.browser.helpers import serving
from tests.integration.intake.harness import running
from tests.support.waiting import eventually

TIMES = int(os.environ.get("IEUM_SCHEMA_TIMES", "1"))
"""How many times as many requests as in ``make test``; ``make torture`` asks for more."""
EXAMPLES = {GenerationMode.POSITIVE: 8 * TIMES, GenerationMode.NEGATIVE: 16 * TIMES}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def asked_everything(document: dict[str, object], base: str, headers: dict[str, str]) -> dict[str, int]:
    """How often each operation was asked; raises for the first answer that the document does not allow."""
    asked: dict[str, int] = {}
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode, count in EXAMPLES.items():
            if mode is GenerationMode.NEGATIVE and operation.method == "get":
                continue  # nothing can be wrong with a request that says nothing

            @seed(20261125)
            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case[Any]) -> None:
                asked[case.operation.path] = asked.get(case.operation.path, 0) + 1
                case.validate_response(case.call(base_url=base, headers=headers, timeout=60), checks=CHECKS)

            ask()
    return asked


@pytest.mark.timeout(480 * TIMES)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_no_answer_is_one_that_the_document_does_not_name_and_no_nonsense_is_accepted(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, wrong_takes_s=0) as harness:
        document = openapi_of(harness.intake.app)
        async with serving(harness.intake.app) as base:
            asked = await asyncio.to_thread(asked_everything, document, base, harness.headers())
        assert asked.keys() == document["paths"].keys()
        least = min(count for path, count in asked.items() if "post" in document["paths"][path])
        assert least >= min(EXAMPLES.values())
        await eventually(lambda: harness.intake.group.check() is None, "it still follows the topics")
