"""Draw the documentation's pictures from their Mermaid text while the site is built; a hook of MkDocs.

A page holds a fenced block ``mermaid``, which forges draw as well. The SVG stands in the page itself: no script and no
outside resource.
"""

import hashlib
from collections.abc import Mapping

import mmdr
from mkdocs.config.defaults import MkDocsConfig
from pymdownx.superfences import SuperFencesException


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let the fenced blocks named ``mermaid`` be drawn."""
    fence = {"name": "mermaid", "class": "picture", "format": draw}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


def draw(source: str, language: str, css_class: str, options: Mapping[str, str], md: object, **_: object) -> str:
    """Return a figure with the drawn picture. Raises ``SuperFencesException``, which ends the build."""
    del language, options, md
    try:
        drawn: str = mmdr.render(source).svg()
    except Exception as error:
        raise SuperFencesException(f"a picture cannot be drawn: {error}") from error
    name = f"picture-{hashlib.sha256(source.encode()).hexdigest()[:8]}"  # several in a page must not share ids
    return f'<figure class="{css_class}" style="width: 100%; background: #fff">{drawn.replace("merman", name)}</figure>'
