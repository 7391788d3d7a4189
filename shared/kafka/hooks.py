"""What a service gives to a subscription."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.kafka.records import Received, Rejected

Handler = Callable[[list[Received]], Awaitable[Sequence[Rejected] | None]]
"""Deals with a batch that may span topics and partitions, in order within each partition; when it returns, its effects
are durable. Returns what it cannot act upon. ``TransientError``: the same batch comes again. Anything else raised ends
the process."""
Places = frozenset[tuple[str, int]]
OnAssigned = Callable[[Places], Awaitable[Mapping[tuple[str, int], int]]]
OnRevoked = Callable[[Places], Awaitable[None]]
