"""Pages: Jinja2 templates in two languages, with the layout, the filters and the texts every page shares."""

import contextlib
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any, Final

from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared import labels
from shared.clock import Clock, SystemClock
from shared.identity.cookies import over_https
from shared.settings import ServiceSettings
from shared.web import formats, korea, navigation, translations
from shared.web.assets import Assets
from shared.web.language import COOKIE, LANGUAGES, Language, chosen

SHARED_TEMPLATES: Final = Path(__file__).parent / "templates"

QUICK_EXIT_URL: Final = "https://www.weather.go.kr/w/index.do"
"""Where quick exit leads: the Korean weather service, a page anyone may have open."""


class _Compiled(BytecodeCache):
    """Templates that were compiled, in memory and, as Python keeps its own code, in a folder beside the templates.

    Compiling all templates of intake takes two seconds of processor time. What is kept depends on the source,
    which is compared by its checksum, and on what the file's name says: the versions, and this module with the
    options of ``Environment``. No filter of ours is called while compiling. Both languages run the same code.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, CodeType]] = {}
        """By file: the checksum of the source, and the code."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The file it is kept in."""
        source = Path(filename or name)
        return str(source.parent / "__pycache__" / f"{source.name}.{_VERSIONS}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was kept of this source."""
        checksum, code = self._kept.get(bucket.key, ("", None))
        if code is not None and checksum == bucket.checksum:
            bucket.code = code
            return
        try:
            bucket.bytecode_from_string(Path(bucket.key).read_bytes())  # Jinja compares the checksum
        except OSError:
            return
        except (EOFError, TypeError, ValueError, pickle.UnpicklingError):  # cut off while it was written
            bucket.reset()
        self._keep(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, in memory alone where the folder may not be written."""
        self._keep(bucket)
        file = Path(bucket.key)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            file.parent.mkdir(exist_ok=True)
            draft.write_bytes(bucket.bytecode_to_string())
            draft.replace(file)

    def _keep(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key] = bucket.checksum, bucket.code


_OPTIONS: Final = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
_VERSIONS: Final = f"{sys.implementation.cache_tag}-jinja-{version('jinja2')}-{_OPTIONS}"
_COMPILED: Final = _Compiled()


class Pages:
    """Renders a service's templates. Everything is read at construction; a broken template or text fails there."""

    def __init__(
        self,
        templates: Path | None,
        locale: Path | None,
        settings: ServiceSettings,
        service: str,
        *,
        clock: Clock | None = None,
        leave: str = "",
    ) -> None:
        """``templates`` and ``locale`` are the service's own; a ``static`` folder beside ``templates`` is served.

        ``leave``: the address of the quick exit of public pages; it clears cookies and redirects outside.
        """
        self.settings = settings
        self.service = service
        self._leave = leave
        self.clock: Clock = clock or SystemClock()
        self.assets = Assets([templates.parent / "static"] if templates else [])
        self._translators = translations.load([translations.SHARED_LOCALE, *([locale] if locale else [])])
        folders = [*([templates] if templates else []), SHARED_TEMPLATES]
        self._environments = {language: self._environment(folders, language) for language in LANGUAGES}
        for environment in self._environments.values():
            for name in environment.list_templates(extensions=["html"]):
                environment.get_template(name)

    def language(self, request: Request) -> Language:
        """Return the reader's language: ``?lang=``, then the cookie, then the browser's wish, then Korean."""
        return chosen(request)

    def secure(self, request: Request) -> bool:
        """Return whether cookies may be marked for https only: the request came by it, or browsers reach us by it."""
        return over_https(request) or self.settings.served_by_https(self.service)

    def translator(self, language: Language) -> translations.Translator:
        """The texts of a language, for sentences made in Python."""
        return self._translators[language]

    def gettext(self, request: Request) -> Callable[[str], str]:
        """``_`` for one request."""
        return self._translators[chosen(request)].gettext

    def render(self, request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """The page in the request's language. ``public=True`` gives the public layout with quick exit."""
        language = chosen(request)
        response = HTMLResponse(
            self._environments[language].get_template(template).render(self._common(request, language), **context),
            status,
            {"Content-Language": language, "Vary": "Accept-Language, Cookie"},
        )
        if request.query_params.get("lang") in LANGUAGES:
            self.keep_language(request, response)
        return response

    def keep_language(self, request: Request, response: Response) -> None:
        """Let the browser keep the language of the request for this visit."""
        language = chosen(request)
        response.set_cookie(COOKIE, language, path="/", samesite="lax", httponly=True, secure=self.secure(request))

    def fragment(self, language: Language, template: str, **context: object) -> str:
        """A piece of a page, for a live update. It has what it is given and nothing that only pages have."""
        return self._environments[language].get_template(template).render(context)

    def _common(self, request: Request, language: Language) -> dict[str, object]:
        # Set by the Authorizer; pages that anybody may see do not say who is looking.
        principal = getattr(request.state, "principal", None)
        return {
            "request": request,
            "lang": language,
            "languages": LANGUAGES,
            "language_url": lambda code: _with_language(request.url, code),
            "here": request.url.path,
            "own_address": self.settings.public_urls.get(self.service, "").rstrip("/") + _local(request.url),
            "service": self.service,
            "services": self.settings.public_urls,
            "public": False,
            "leave": self._leave,
            "staff": principal,
            "home": navigation.home_of(principal, self.settings.public_urls),
            "links": navigation.links(principal, self.service, request.url.path, self.settings.public_urls),
            "now": self.clock.now(),
        }

    def _environment(self, folders: list[Path], language: Language) -> Environment:
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=_COMPILED,
        )
        texts = self._translators[language]
        install: Any = environment  # the i18n extension adds the method at run time
        install.install_gettext_callables(
            texts.gettext, texts.ngettext, newstyle=True, pgettext=texts.pgettext, npgettext=texts.npgettext
        )
        # Jinja's own looks "gettext" up and calls it, at every text of every page.
        environment.globals["_"] = environment.globals["gettext"]
        # For texts that come from elsewhere (API descriptions): "_" would take a per cent sign in them for a hole.
        own: dict[str, Callable[..., object]] = {"translated": lambda text: texts.gettext(text) if text else ""}
        own |= formats.filters(language, self.clock.now)
        environment.filters.update({name: _at_run_time(one) for name, one in own.items()})
        environment.globals.update(
            asset=self.assets.url,
            quick_exit_url=QUICK_EXIT_URL,
            role_names=lambda roles: navigation.role_names(roles, texts),
            organisation_name=lambda organisation: navigation.organisation_name(organisation, language, texts),
            korea_shapes=korea.shapes,
            vocabulary=labels,
        )
        return environment


def _at_run_time(one: Callable[..., object]) -> Callable[..., object]:
    """A filter that Jinja does not call while compiling, although all it is given be constant: it has a language."""
    return pass_context(lambda _, *arguments, **named: one(*arguments, **named))


def _with_language(url: URL, code: str) -> str:
    return _local(url.include_query_params(lang=code))


def _local(url: URL) -> str:
    # With two slashes in front it would be the address of another host.
    return "/" + url.path.lstrip("/\\") + (f"?{url.query}" if url.query else "")
