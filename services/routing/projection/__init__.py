"""What one worker knows of one partition: a pure fold of a prefix of the log, never of intentions.

``standings`` folds the records of one report, ``waiting`` lists whom nobody has answered yet, ``partition`` is the
state of a whole partition, ``recount`` adds the log up in another way. What is folded is kept by ``state``.
"""

from services.routing.projection.partition import PartitionState
from services.routing.projection.standings import BROUGHT_BACK, RoutingEvent, first_standing, standing_after

__all__ = ["BROUGHT_BACK", "PartitionState", "RoutingEvent", "first_standing", "standing_after"]
