"""Generated leaf functions: source text to the ``@triton.jit`` function that templates take as a constant."""

from __future__ import annotations

import hashlib
import linecache
from typing import Any

from ._triton import use_triton

_leaves: dict[tuple[str, str], Any] = {}
_sources: dict[int, tuple[str, str]] = {}


def leaf(source: str, name: str) -> Any:
    """The function ``name`` of a module with this source, made once for one text.

    The source is registered with ``linecache`` under its hash: Triton reads it back from there, its compile
    cache is keyed by it, and tracebacks show it.
    """
    found = _leaves.get((source, name))
    if found is None:
        use_triton()
        digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        file = f"<leaf-{digest}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        module: dict[str, Any] = {"__name__": f"tkeras_leaf_{digest}"}
        exec(compile(source, file, "exec"), module)
        found = _leaves[source, name] = module[name]
        _sources[id(found)] = (source, name)
    return found


def leaf_source(function: Any) -> tuple[str, str] | None:
    """Source and name of a function that :func:`leaf` made; None for any other object."""
    return _sources.get(id(function))
