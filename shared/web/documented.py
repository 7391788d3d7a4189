"""How the dependencies of a route describe themselves in the OpenAPI document."""

from typing import Any, ClassVar


class Documented:
    """A FastAPI dependency that ``openapi_of`` asks what it adds to the operations that have it."""

    problems: ClassVar[tuple[str, ...]] = ()
    """Codes of the problems it raises."""

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """Add parameters, a body or security to an operation, and what they refer to to the components."""


def refuses(*codes: str) -> dict[str, Any]:
    """``openapi_extra`` of a route: the codes of the problems its own code raises.

    Those of its dependencies and those that every route may answer with are added to the document by themselves.
    """
    return {"x-problems": list(codes)}
