"""`python -m tests.lock_files`: the two locks say the same, and are what this environment holds.

`requirements.lock` is what developing and testing needs, `requirements-runtime.lock` the part of it
that running needs. Prints what is wrong and exits 1 if anything is.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("rules", "sync", "mail", "server", "fixtures")
#: One requirement of a lock: what is asked for, then its hashes.
ENTRY: Final = re.compile(
    r"^(?P<requirement>[a-z0-9][^\\\n]*?) (?P<hashes>(?:[\s\\]*--hash=\S+)+)$", re.MULTILINE
)


class Locked(Struct, frozen=True):
    """A release that a lock names. `hashes`: of its files, any of which will do."""

    requirement: str
    hashes: frozenset[str]

    @property
    def applies(self) -> bool:
        """Whether its marker holds in this environment."""
        marker = Requirement(self.requirement).marker
        return marker is None or marker.evaluate()

    @property
    def version(self) -> str:
        """The one version that it allows."""
        return str(Requirement(self.requirement).specifier).removeprefix("==")


Lock: TypeAlias = Mapping[str, Locked]


def read(text: str) -> dict[str, Locked]:
    """The releases of a lock file, by canonical name."""
    found = (
        Locked(
            entry["requirement"].strip(), frozenset(re.findall(r"--hash=(\S+)", entry["hashes"]))
        )
        for entry in ENTRY.finditer(text)
    )
    return {canonicalize_name(Requirement(one.requirement).name): one for one in found}


def not_a_part(part: Lock, whole: Lock) -> Iterator[str]:
    """What `part` says otherwise than `whole`."""
    for name, locked in part.items():
        if name not in whole:
            yield f"{name}: only in the runtime lock"
        elif whole[name] != locked:
            yield f"{name}: the locks differ"


def not_installed(lock: Lock, frozen: str) -> Iterator[str]:
    """What `frozen`, the output of `pip freeze`, has otherwise than `lock`."""
    installed: dict[str, str] = {
        canonicalize_name(name): version
        for name, mark, version in (line.partition("==") for line in frozen.splitlines())
        if mark
    }
    for name, locked in lock.items():
        if locked.applies and installed.get(name) != locked.version:
            yield f"{name}: {locked.version} is locked, {installed.get(name)} is installed"


def not_imported(lock: Lock, imported: Iterable[str]) -> Iterator[str]:
    """Modules among `imported` that no release of `lock` brings."""
    owners = packages_distributions()
    for module in sorted(set(imported) - sys.stdlib_module_names - set(PACKAGES)):
        if not {canonicalize_name(owner) for owner in owners.get(module, ())} & lock.keys():
            yield f"{module} is imported, and the runtime lock does not bring it"


def incomplete(lock: Lock, wanted: Iterable[str]) -> Iterator[str]:
    """What `wanted` leads to, extras included, and `lock` does not name.

    Installing the lock resolves nothing, and `pip check` knows no extras.
    """
    waiting, seen = [Requirement(one) for one in wanted], set[tuple[str, str]]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in lock:
            yield f"{name} is needed, and the lock does not name it"
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _needed(name, extra)


def _needed(name: str, extra: str) -> Iterator[Requirement]:
    """What an installed release needs here for `extra` of it; for itself where that is empty."""
    for requirement in map(Requirement, requires(name) or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def imports(packages: Iterable[Path]) -> Iterator[str]:
    """The top names of the modules that the files below `packages` import."""
    for package in packages:
        for file in package.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.partition(".")[0]


def problems(root: Path) -> list[str]:
    """All that is wrong in the checkout at `root`."""
    whole = read((root / "requirements.lock").read_text())
    runtime = read((root / "requirements-runtime.lock").read_text())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    run, develop = project["dependencies"], project["optional-dependencies"]["dev"]
    frozen = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True
    )
    return [
        *not_a_part(runtime, whole),
        *not_installed(whole, frozen.stdout),
        *incomplete(runtime, run),
        *incomplete(whole, [*run, *develop]),
        *not_imported(runtime, imports(root / name for name in PACKAGES)),
    ]


if __name__ == "__main__":
    found = problems(ROOT)
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    sys.exit(1 if found else 0)
