"""The reference of settings, written from the classes that read the environment."""

import ast
import inspect
import json
import textwrap
from functools import cache

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.analytics.settings import AnalyticsSettings
from services.identity.settings import IdentitySettings
from services.intake.settings import IntakeSettings
from services.notify.settings import AlertSettings, NotifySettings
from services.routing.settings import RoutingSettings
from shared.audit.settings import AuditSettings, VerifierSettings
from shared.settings import KafkaSettings, ServiceSettings, StoreSettings, variable_of

CLASSES: dict[str, type[BaseSettings]] = {
    "Kafka, every process": KafkaSettings,
    "Document store, every process": StoreSettings,
    "Every service": ServiceSettings,
    "Audit, every service with one": AuditSettings,
    "Verifier of the audit": VerifierSettings,
    "Intake": IntakeSettings,
    "Routing": RoutingSettings,
    "Notify and its auditor": AlertSettings,
    "Notify": NotifySettings,
    "Analytics": AnalyticsSettings,
    "Identity": IdentitySettings,
}
_HEAD = """# Settings

Written by `make docs` from the settings classes; `make check` compares. Settings are environment
variables; where `IEUM_SECRETS_DIR` names a folder, a file there named like a
variable stands for one that is not set. A wrong one ends the process with status 78 and one
line that names the variable, what was found and an example. Secrets are never shown.
"""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    return {"reference/settings.md": _HEAD + "".join(_section(title, cls) for title, cls in CLASSES.items())}


def own_fields(cls: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Fields that a class declares itself, or takes from one that has no section of its own."""
    declared = {name for one in (cls, *_parts(cls)) for name in one.__annotations__}
    return {name: field for name, field in cls.model_fields.items() if name in declared}


def _parts(cls: type[BaseSettings]) -> list[type[BaseSettings]]:
    return [
        base
        for base in cls.__bases__
        if issubclass(base, BaseSettings) and base is not BaseSettings and base not in CLASSES.values()
    ]


def _section(title: str, cls: type[BaseSettings]) -> str:
    about = inspect.cleandoc(cls.__doc__ or "").splitlines()[0]
    meanings = {name: text for one in (*_parts(cls), cls) for name, text in _meanings(one).items()}
    lines = [f"\n## {title}", "", about, "", "| variable | default | example | meaning |", "|---|---|---|---|"]
    for name, field in own_fields(cls).items():
        example = f"`{_cell(str(field.examples[0]))}`" if field.examples else ""
        lines.append(
            f"| `{variable_of(cls, name)}` | {_default(field)} | {example} | {_cell(meanings.get(name, ''))} |"
        )
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return "unset"
    if "Secret" in str(field.annotation):
        return "not shown"
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
    return f"`{_cell(shown)}`"


@cache
def _meanings(cls: type[BaseSettings]) -> dict[str, str]:
    """Return the docstring below each field in the source."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101  # the source of a class
    found: dict[str, str] = {}
    for declared, below in zip(body.body, body.body[1:], strict=False):
        match declared, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(inspect.cleandoc(text).replace("``", "`").split())
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
