"""Every example of the API's documentation is one that the API takes or gives."""

import inspect
from typing import Any

import pytest
from pydantic import BaseModel

from services.notify.cases import commands
from services.notify.console import api, views


def examples() -> list[tuple[type[BaseModel], dict[str, Any]]]:
    found = []
    for module in (commands, api, views):
        for _, shape in inspect.getmembers(module, inspect.isclass):
            if shape.__module__ == module.__name__ and issubclass(shape, BaseModel):
                own = shape.model_json_schema().get("examples", ())
                found += [(shape, example) for example in own]
    return found


def test_every_request_has_an_example() -> None:
    named = {shape.__name__ for shape, _ in examples()}
    asked = {
        name
        for name, shape in inspect.getmembers(commands, inspect.isclass)
        if shape.__module__ == commands.__name__ and name.endswith(("Request", "Step", "Form")) and name[0] != "_"
    }
    assert asked <= named
    assert {"CaseRow", "Offered", "TicketView"} <= named


@pytest.mark.parametrize(("shape", "example"), examples(), ids=lambda value: getattr(value, "__name__", ""))
def test_examples_are_true(shape: type[BaseModel], example: dict[str, Any]) -> None:
    assert shape.model_validate(example).model_dump(mode="json", exclude_unset=True) == example
