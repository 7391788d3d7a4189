"""Decisions as pages show them: a copy of `routings` in the store, made by a consumer group of its own."""

from services.routing.read_model.repository import Copied, DecisionStore, Entry, event_of

__all__ = ["Copied", "DecisionStore", "Entry", "event_of"]
