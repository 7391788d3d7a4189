"""Routing's store: a copy of its own stream (``decisions``), how far it goes (``copied``), and ``snapshots`` of memory.

The log is the truth and all of this can be made anew from it. Pages and replay read the copy; the worker reads it for
reports it has let go of, and the snapshots so that a restart need not read the whole log.
"""

from services.routing.store.decisions import Copied, DecisionStore, Entry, event_of
from services.routing.store.snapshots import SnapshotStore

__all__ = ["Copied", "DecisionStore", "Entry", "SnapshotStore", "event_of"]
