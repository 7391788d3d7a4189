"""Dead letters as notify keeps them."""

from datetime import datetime

from pydantic import Field

from services.notify.cases.models import StoredModel


class StoredDeadLetter(StoredModel):
    """A record some consumer could not read, by where it stood. Each consumer writes a letter of its own about it."""

    origin: str = Field(alias="_id")
    letter: int = -1
    """Where the newest letter about it stands in the dead topic; below all others where none of them was noted."""
    topic: str
    reason: str
    seen_at: datetime
    told_at: datetime | None = None
    read_at: datetime | None = None
