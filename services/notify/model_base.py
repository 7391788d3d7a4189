"""What every stored part of notify is made of."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _in_utc(value: object) -> object:
    """A store may hand back times without a zone; they were written in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Instant = Annotated[datetime, BeforeValidator(_in_utc)]


class Model(BaseModel):
    """A frozen part of what notify stores; fields of other builds and of the outbox are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
