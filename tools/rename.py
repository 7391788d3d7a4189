"""Rename modules, identifiers, log fields and quoted names over the whole tree, planted faults included.

    python -m tools.rename FILE      (or - for standard input); one rename a line, # begins a comment

    module services.intake.desk services.intake.submissions.service
    name   Desk SubmissionService [FOLDER …]
    text   desk.opened submission.opened [FOLDER …]
    field  said error [FOLDER …]

``module`` moves the file, and its unit test where one mirrors it, and rewrites imports and paths; where the old file is
gone already (merged by hand) it only rewrites. ``name`` renames a Python identifier: in code, in annotations that are
strings, in back-ticks, and in prose where it could be no word of English (``SubmissionService``, ``on_routings``).
``text`` renames what stands in quotes or documents, bounded by no letter, digit or dot: log events, metrics, settings.
``field`` renames the keyword of logging calls. FOLDER limits a rename to paths that begin so.

The released part of CHANGELOG.md stays. Planted faults are patches: each one that a rename touches is applied before,
renamed with its file, and written anew. Afterwards run ``make check`` and the tests; ruff has sorted the imports.
"""

import ast
import io
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset(
    f".{name}" if name else ""
    for name in ("", "py", "md", "html", "js", "css", "yaml", "yml", "toml", "json", "po", "sh", "txt", "ts", "cfg")
)
PLANTED: Final = "tests/planted/"
CHANGELOG: Final = "CHANGELOG.md"
_LOGGERS: Final = re.compile(r"(_?log|logger|process)\.(debug|info|warning|error|critical|exception|die)\Z")
_RELEASED: Final = re.compile(r"^## \d", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rename:
    """One line of the list; ``folders`` empty: everywhere."""

    kind: str
    old: str
    new: str
    folders: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Return whether a file is to be changed."""
        return not self.folders or path.startswith(self.folders)


def parse(text: str) -> list[Rename]:
    """The renames of a list. Raises ``ValueError`` naming the line that is none."""
    renames = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) < 3 or words[0] not in REWRITE:  # noqa: PLR2004  # kind, old, new
            raise ValueError(f"line {number}: expected `module|name|text|field OLD NEW [FOLDER …]`, got {line!r}")
        renames.append(Rename(words[0], words[1], words[2], tuple(words[3:])))
    return renames


def rewrite(source: str, path: str, renames: Sequence[Rename]) -> str:
    """The text of a file after all renames."""
    for rename in renames:
        # A look first: a list longer than the cache of regular expressions took minutes.
        if rename.covers(path) and rename.old.rpartition(".")[2] in source:
            source = REWRITE[rename.kind](source, path.endswith(".py"), rename.old, rename.new)
    return source


# --- one kind each: text, whether it is Python, old, new


def _text(source: str, python: bool, old: str, new: str) -> str:
    del python
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w]|\.\w)", new, source)


def _module(source: str, python: bool, old: str, new: str) -> str:
    if python:
        source = _from_imports(source, old, new)
    source = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, source)
    return re.sub(rf"(?<![\w]){re.escape(old.replace('.', '/'))}(?=\.py\b|/|`)", new.replace(".", "/"), source)


def _from_imports(source: str, old: str, new: str) -> str:
    """Rewrite ``from package import module`` and, where its name changes, ``module.`` in the same file."""
    parent, _, leaf = old.rpartition(".")
    new_parent, _, new_leaf = new.rpartition(".")
    if f"from {parent} import" not in source:
        return source
    lines = source.splitlines(keepends=True)
    found = False
    for node in reversed(list(ast.walk(ast.parse(source)))):
        if not isinstance(node, ast.ImportFrom) or node.module != parent:
            continue
        mine = [name for name in node.names if name.name == leaf]
        if not mine:
            continue
        found |= mine[0].asname is None and leaf != new_leaf
        alias = f" as {mine[0].asname}" if mine[0].asname else ""
        others = ", ".join(ast.unparse(name) for name in node.names if name.name != leaf)
        indent = " " * node.col_offset
        made = f"{indent}from {new_parent} import {new_leaf}{alias}\n"
        made = (f"{indent}from {parent} import {others}\n" if others else "") + made
        assert node.end_lineno is not None  # noqa: S101  # set by the parser
        lines[node.lineno - 1 : node.end_lineno] = [made]
    source = "".join(lines)
    if found and re.search(rf"(?<![\w.]){new_leaf}\b(?! import)", source.replace(f"import {new_leaf}", "")):
        sys.stderr.write(f"look at it: {new_leaf} was a name already in a file that imports {new}\n")
    # Neither an attribute, a keyword nor text.
    return re.sub(rf"(?<![\w.\"'/]){leaf}(?=\.[a-zA-Z_]|, |\))", new_leaf, source) if found else source


def _name(source: str, python: bool, old: str, new: str) -> str:
    word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")
    if word.search(source) is None:
        return source
    if re.search(r"[a-z0-9][A-Z]|[a-z0-9]_[a-z0-9]|[A-Z]_[A-Z]", old):
        return word.sub(new, source)
    if not python:
        return _in_ticks(source, word, new)
    source = re.sub(rf"(setattr\([\w.]+, )([\"']){old}\2", rf"\1\2{new}\2", source)
    return _by_token(source, lambda token: _token(token, word, old, new))


def _token(token: tokenize.TokenInfo, word: re.Pattern[str], old: str, new: str) -> str:
    if token.type == tokenize.NAME:
        return new if token.string == old else token.string
    if token.type == tokenize.COMMENT:
        return _in_ticks(token.string, word, new)
    if token.type == tokenize.STRING and word.search(token.string):
        if "f" in token.string.split("'")[0].split('"')[0].lower():
            return re.sub(r"(?<!\{)\{[^{}]*\}", lambda part: word.sub(new, part[0]), token.string)
        if old[0].isupper() and _is_expression(token.string):
            return word.sub(new, token.string)
        return _in_ticks(token.string, word, new)
    return token.string


def _is_expression(literal: str) -> bool:
    """Return whether a string can be an annotation."""
    try:
        value = ast.literal_eval(literal)
        ast.parse(value, mode="eval")
    except (SyntaxError, ValueError, TypeError):
        return False
    return isinstance(value, str) and "\n" not in value


def _in_ticks(text: str, word: re.Pattern[str], new: str) -> str:
    return re.sub(r"`+[^`\n]+`+", lambda part: word.sub(new, part[0]), text)


def _field(source: str, python: bool, old: str, new: str) -> str:
    if not python or f"{old}=" not in source:
        return source
    lines = source.splitlines(keepends=True)
    places = [
        (word.lineno, word.col_offset)
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and _LOGGERS.search(ast.unparse(call.func))
        for word in call.keywords
        if word.arg == old
    ]
    for number, column in sorted(places, reverse=True):
        line = lines[number - 1].encode()
        lines[number - 1] = (line[:column] + new.encode() + line[column + len(old.encode()) :]).decode()
    return "".join(lines)


def _by_token(source: str, change: Callable[[tokenize.TokenInfo], str]) -> str:
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    made, at = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        changed = change(token)
        if changed != token.string:
            made += [source[at:begin], changed]
            at = end
    return "".join(made) + source[at:]


REWRITE: Final = {"module": _module, "name": _name, "text": _text, "field": _field}


# --- the tree


def run(renames: Sequence[Rename], root: Path) -> list[str]:
    """Carry the renames out under ``root``, a work tree of git; returns the paths that changed."""
    renames = [*renames, *_mirrored(renames, root)]
    files = _git(root, "ls-files").splitlines()
    patches = {path: _both_sides(root, path) for path in files if path.startswith(PLANTED) and path.endswith(".patch")}
    changed = list(_moved(renames, root))
    moves = dict(changed)
    paths = [moves.get(path, path) for path in files]
    written = [new for _, new in changed]
    for path in paths:
        file = root / path
        if Path(path).suffix not in SUFFIXES or not file.is_file() or file.is_symlink() or path == "tools/rename.py":
            continue
        source = file.read_text()
        keep = _RELEASED.search(source) if path == CHANGELOG else None
        head, rest = (source[: keep.start()], source[keep.start() :]) if keep else (source, "")
        if (made := rewrite(head, path, renames) + rest) != source:
            file.write_text(made)
            written.append(path)
    python = [path for path in dict.fromkeys(written) if path.endswith(".py")]
    _ruff(root, python)
    for path, sides in patches.items():
        if _again(root, path, sides, renames, moves):
            written.append(path)
    return sorted(set(written))


def _moved(renames: Sequence[Rename], root: Path) -> Iterator[tuple[str, str]]:
    for rename in renames:
        if rename.kind != "module":
            continue
        if (old := _file(root, rename.old)) is None:
            continue
        new = rename.new.replace(".", "/") + (".py" if old.endswith(".py") else "")
        if (root / new).exists():
            raise ValueError(f"{old} cannot become {new}: that is there already")
        inside = _git(root, "ls-files", old).splitlines()
        _package(root, Path(new).parent)
        _git(root, "mv", old, new)
        for path in inside:
            yield path, new + path.removeprefix(old)


def _mirrored(renames: Sequence[Rename], root: Path) -> Iterator[Rename]:
    """The unit tests that mirror a module move with it."""
    for rename in renames:
        if rename.kind == "module":
            old, new = (
                "tests.unit." + re.sub(r"(\w+)\Z", r"test_\1", name.removeprefix("services."))
                for name in (rename.old, rename.new)
            )
            if _file(root, old):
                yield Rename("module", old, new)


def _file(root: Path, module: str) -> str | None:
    path = module.replace(".", "/")
    return f"{path}.py" if (root / f"{path}.py").exists() else path if (root / path).is_dir() else None


def _package(root: Path, folder: Path) -> None:
    for part in (folder, *folder.parents):
        if (
            part.name
            and not (root / part / "__init__.py").exists()
            and part.parts[0] in {"services", "shared", "tests"}
        ):
            (root / part).mkdir(parents=True, exist_ok=True)
            (root / part / "__init__.py").touch()
            _git(root, "add", (part / "__init__.py").as_posix())


def _both_sides(root: Path, patch: str) -> dict[str, tuple[str, str]]:
    """Every file a planted fault changes: without the fault, and with it. Nothing where it does not apply."""
    text = (root / patch).read_text()
    touched = re.findall(r"^\+\+\+ b/(.+)$", text, re.MULTILINE)
    if not all((root / path).exists() for path in touched):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for path in touched:
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((root / path).read_text())
        command = ["git", "apply", "--recount", "-C1", str(root / patch)]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            return {}
        return {path: ((root / path).read_text(), Path(folder, path).read_text()) for path in touched}


def _again(
    root: Path, patch: str, sides: dict[str, tuple[str, str]], renames: Sequence[Rename], moves: dict[str, str]
) -> bool:
    """Write a planted fault anew where a file of it, or a test it names, was renamed or moved; True where it was."""
    now = {path: moves.get(path, path) for path in sides}
    written, mark, rest = (root / patch).read_text().partition("diff --git")
    head = rewrite(written, patch, renames)
    if all(old == new and (root / new).read_text() == sides[old][0] for old, new in now.items()):
        (root / patch).write_text(head + mark + rest)
        return head != written
    diffs = []
    with tempfile.TemporaryDirectory() as folder:
        for old, new in now.items():
            for side, text in zip("ab", sides[old], strict=True):
                target = Path(folder, side, new)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(rewrite(text, new, renames))
                _ruff(root, [str(target)])
            difference = ["git", "diff", "--no-index", "-U2", "--no-prefix", f"a/{new}", f"b/{new}"]
            found = subprocess.run(difference, cwd=folder, capture_output=True, text=True, check=False)
            diffs.append(found.stdout)
    (root / patch).write_text(head + "".join(diffs))
    return True


def _ruff(root: Path, paths: Sequence[str]) -> None:
    if not paths:
        return
    for options in (("check", "--fix-only", "--select", "I"), ("format",)):
        command = [
            sys.executable,
            "-m",
            "ruff",
            *options,
            "--quiet",
            "--no-cache",
            "--config",
            "pyproject.toml",
            *paths,
        ]
        subprocess.run(command, cwd=root, check=True)


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def main(arguments: Sequence[str]) -> None:
    """Read the list, carry it out, print what changed."""
    if len(arguments) != 1:
        sys.exit(__doc__)
    try:
        renames = parse(sys.stdin.read() if arguments[0] == "-" else Path(arguments[0]).read_text())
        changed = run(renames, Path.cwd())
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{path}\n" for path in changed)


if __name__ == "__main__":
    main(sys.argv[1:])
