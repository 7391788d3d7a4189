"""Decisions as pages show them: a copy of `routings` in the store, made by a consumer group of its own."""

from services.routing.read_model.repository import Copied, DecisionStore, RoutingEntry, event_of

__all__ = ["Copied", "DecisionStore", "RoutingEntry", "event_of"]
