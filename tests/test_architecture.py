"""What holds the house together: directions of imports, public names, size of files, what an import costs.

``python tests/test_architecture.py`` writes the reviewed list of public names anew.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KERAS, KERNELS = ROOT / "tkeras", ROOT / "kernels" / "tkeras_kernels"
EXPORTED = Path(__file__).parent / "exported_names.txt"
FOUNDATION = ("config", "graph", "random", "initializers", "regularizers", "constraints", "bridge")
HOUSE = ("layers", "models", "training", "callbacks", "optimizers", "metrics", "losses")
PRIVATE = ("cli",)
LONGEST = 800


def modules(root: Path) -> list[Path]:
    """The Python files below a package."""
    return sorted(root.rglob("*.py"))


def imports(file: Path, nodes: list[ast.stmt] | None = None) -> set[str]:
    """Absolute names of what a file imports: anywhere in it, or in these nodes."""
    found = set()
    for node in nodes if nodes is not None else ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = file.parents[node.level - 1].relative_to(
                KERNELS.parent if KERNELS in file.parents else ROOT
            )
            start = ".".join([*package.parts, *([node.module] if node.module else [])])
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return found


def within(name: str, package: str) -> bool:
    """Whether a module is a package or lies in it."""
    return name == package or name.startswith(package + ".")


def offenders(root: Path, *packages: str, top_level: bool = False) -> list[str]:
    """Imports below a folder that reach into one of these packages."""
    return [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(root)
        for name in imports(file, ast.parse(file.read_text()).body if top_level else None)
        if any(within(name, package) for package in packages)
    ]


def test_the_kernels_know_nothing_of_keras() -> None:
    assert not offenders(KERNELS, "tkeras", "keras")


def test_tkeras_reaches_triton_through_the_kernels_only() -> None:
    assert not offenders(KERAS, "triton", "keras")


@pytest.mark.parametrize("folder", FOUNDATION)
def test_foundations_do_not_import_what_stands_on_them(folder: str) -> None:
    assert not offenders(KERAS / folder, *(f"tkeras.{above}" for above in HOUSE), top_level=True)


def test_no_file_is_too_long() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in [*modules(KERAS), *modules(KERNELS)]}
    assert not {str(file.relative_to(ROOT)): length for file, length in lengths.items() if length > LONGEST}


def exported(package: Path) -> set[str]:
    """Names that an ``__init__.py`` re-exports (``import a as a``) or defines."""
    names: set[str] = set()
    for node in ast.parse((package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") or name == "__version__"}


def public_packages(package: Path = KERAS) -> Iterator[Path]:
    """tkeras, the folders in it, and those folders further down that the one above exports."""
    yield package
    names = exported(package)
    for init in sorted(package.glob("*/__init__.py")):
        folder = init.parent
        if folder.name in names or (package == KERAS and folder.name not in PRIVATE):
            yield from public_packages(folder)


def public_names() -> list[str]:
    """``tkeras.layers.Dense`` and so on, sorted."""
    packages = {".".join(package.relative_to(ROOT).parts): package for package in public_packages()}
    return sorted(f"{name}.{export}" for name, package in packages.items() for export in exported(package))


def test_public_names_are_the_reviewed_ones() -> None:
    reviewed, now = {*EXPORTED.read_text().split()}, {*public_names()}
    changes = [f"{'-' if name in reviewed else '+'} {name}" for name in sorted(now ^ reviewed)]
    assert not changes, "if these are meant, run python tests/test_architecture.py"


def test_public_names_exist() -> None:
    missing = []
    for name in public_names():
        package, _, export = name.rpartition(".")
        if not hasattr(importlib.import_module(package), export):
            missing.append(name)
    assert not missing


def test_importing_is_cheap() -> None:
    """Nothing that a script may not need is loaded, and no GPU is touched."""
    script = """
import sys, tkeras, torch
heavy = ("triton", "h5py", "rich", "tabulate", "keras", "tensorflow", "jax", "sklearn", "matplotlib")
print(*[name for name in heavy if name in sys.modules], torch.cuda.is_initialized())
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "False"


if __name__ == "__main__":
    EXPORTED.write_text("\n".join(public_names()) + "\n")
