"""`python -m tests.shape`: how large, how scattered and how plainly named the four packages are.

Each line is a measure beside the limit that CONTRIBUTING gives; exit 1 where one is over. With the
name of a measure as argument, what it counts is listed. Nothing is imported: files are read.
"""

import ast
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("rules", "sync", "mail", "server")
#: Names that Python or Piccolo give to modules.
GIVEN_MODULES: Final = {"__init__", "piccolo_app", "piccolo_conf"}
#: Decorators of the language; any other hands the function to a framework, which calls it.
PLAIN_DECORATORS: Final = {
    "staticmethod", "classmethod", "property", "contextmanager", "asynccontextmanager", "override",
    "cache", "lru_cache", "cached_property", "retried",
}  # fmt: skip
#: Words that had several meanings each, and where they may stand, in the one of docs/glossary.md.
WORDS: Final = {
    "turn": (),
    "told": (),
    "hold": ("mail/states.py", "mail/delivery/"),  # a mail that waits for an operator is held
}


class Function(NamedTuple):
    """A function or method of a package; `lines` from its first decorator to its end."""

    module: str
    name: str
    qualname: str
    lines: int
    is_method: bool
    is_called_by_framework: bool

    def __str__(self) -> str:
        return f"{self.module}: {self.qualname}"


class Measure(NamedTuple):
    """A number beside the most that it may be, and what was counted."""

    name: str
    value: float
    limit: float
    found: list[str]

    @property
    def line(self) -> str:
        """What is printed of it."""
        mark = "" if self.value <= self.limit else "  over"
        return f"{self.name:28} {self.value:8.4g}   at most {self.limit:g}{mark}"


class Source(NamedTuple):
    """A module: its dotted name, its path from the root, its text and its tree."""

    name: str
    path: str
    text: str
    tree: ast.Module


def sources(root: Path = ROOT) -> list[Source]:
    """All modules of the packages but the migrations, which are history."""
    found = []
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            path = file.relative_to(root)
            name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            text = file.read_text()
            found.append(Source(name, str(path), text, ast.parse(text)))
    return found


def functions(source: Source) -> Iterator[Function]:
    """Functions of a module and methods of its classes; those inside others belong to them."""

    def within(body: list[ast.stmt], prefix: str, *, in_class: bool) -> Iterator[Function]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from within(node.body, f"{prefix}{node.name}.", in_class=True)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                yield Function(
                    source.name,
                    node.name,
                    f"{prefix}{node.name}",
                    (node.end_lineno or node.lineno) - first + 1,
                    in_class,
                    _is_dunder(node.name)
                    or any(_last(one) not in PLAIN_DECORATORS for one in node.decorator_list),
                )

    yield from within(source.tree.body, "", in_class=False)


def call_sites(everything: list[Source]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """How often a module's function is named outside its own body, and any attribute of a name.

    A function that is passed is used there as much as one that is called.
    """
    named: Counter[tuple[str, str]] = Counter()
    attributes: Counter[str] = Counter()
    modules = {source.name for source in everything}
    for source in everything:
        own = {one.name for one in functions(source) if not one.is_method}
        imported = _imports(source.tree, modules)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if node.id in imported:
                    named[imported[node.id]] += 1
                elif node.id in own:
                    named[source.name, node.id] += 1
            elif isinstance(node, ast.Attribute):
                base = imported.get(node.value.id) if isinstance(node.value, ast.Name) else None
                if base and ".".join(filter(None, base)) in modules:
                    named[".".join(filter(None, base)), node.attr] += 1
                else:
                    attributes[node.attr] += 1
    return named, attributes


def _imports(tree: ast.Module, modules: set[str]) -> dict[str, tuple[str, str]]:
    """By the name it has here: the module it came from and the name it has there."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname and alias.name in modules:
                    found[alias.asname] = (alias.name, "")
    return found


def fragments(everything: list[Source]) -> list[Function]:
    """Private functions that are used in one place, and that no framework calls.

    A public one is the interface of its module, to which one caller is enough.
    """
    named, attributes = call_sites(everything)
    every = [function for source in everything for function in functions(source)]
    definitions = Counter(function.name for function in every if function.is_method)
    return [
        function
        for function in every
        if function.name.startswith("_")
        and not function.is_called_by_framework
        and (
            definitions[function.name] == 1 and attributes[function.name] == 1
            if function.is_method
            else named[function.module, function.name] == 1
        )
    ]


def _last(decorator: ast.expr) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def names(source: Source) -> Iterator[str]:
    """Each name that a module binds: variables, parameters, functions, classes, attributes."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def measures(everything: list[Source], folders: tuple[str, ...] = ("",)) -> list[Measure]:
    """All of them, of the modules below `folders`."""
    single = fragments(everything)
    everything = [source for source in everything if source.path.startswith(folders)]
    within = {source.name for source in everything}
    single = [function for function in single if function.module in within]
    every = [function for source in everything for function in functions(source)]
    lengths = sorted(function.lines for function in every)
    lines = {source.path: source.text.count("\n") for source in everything}
    loose = Counter(
        source.path.split("/")[0]
        for source in everything
        if source.path.count("/") == 1 and Path(source.path).stem not in GIVEN_MODULES
    )
    called = defaultdict(list)
    for source in everything:
        called[Path(source.path).stem].append(source.path)
    often = {
        name: paths
        for name, paths in called.items()
        if name not in GIVEN_MODULES and len(paths) >= 3
    }
    found = [
        Measure(
            "fragments, % of functions",
            100 * len(single) / len(every),
            12,
            [f"{function} {function.lines}" for function in single],
        ),
        Measure("lines of a function", lengths[-1], 40, _longest(every, 40)),
        Measure("lines of a function, median", statistics.median(lengths), 12, []),
        Measure("lines of a function, p90", lengths[len(lengths) * 9 // 10], 25, []),
        Measure(
            "lines of a module",
            max(lines.values()),
            300,
            [f"{path} {count}" for path, count in lines.items() if count > 300],
        ),
        Measure(
            "loose files of a package",
            max(loose.values(), default=0),
            10,
            [f"{name} {count}" for name, count in loose.items()],
        ),
        Measure(
            "names of three modules",
            len(often),
            0,
            [f"{name}: {', '.join(paths)}" for name, paths in often.items()],
        ),
    ]
    bound = [(source.path, name) for source in everything for name in names(source)]
    for word, rooms in WORDS.items():
        pattern = re.compile(rf"(?:^|_){word}s?(?:$|_)", re.IGNORECASE)
        where = [
            f"{path}: {name}"
            for path, name in bound
            if pattern.search(name) and not (rooms and path.startswith(rooms))
        ]
        found.append(Measure(f"names with '{word}'", len(where), 0, where))
    where = [f"{path}: {name}" for path, name in bound if name == "one"]
    found.append(Measure("names that are 'one'", len(where), 40, where))
    return found


def _longest(every: list[Function], limit: int) -> list[str]:
    return [f"{function} {function.lines}" for function in every if function.lines > limit]


def main(asked: list[str]) -> int:
    """Print all measures, and what the ones that are asked for counted.

    A folder (`mail/`) among `asked` has only its modules measured.
    """
    folders = tuple(word for word in asked if word.endswith("/"))
    everything = sources()
    found = measures(everything, folders or ("",))
    asked = [word for word in asked if word not in folders]
    for measure in found:
        sys.stdout.write(f"{measure.line}\n")
        if any(word in measure.name for word in asked):
            sys.stdout.writelines(f"    {one}\n" for one in measure.found)
    return int(any(measure.value > measure.limit for measure in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
