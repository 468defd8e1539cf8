"""Passes: functions from a program to a better one that computes the same."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tkeras.compiler._program import Program, ProgramError

from ._casts import join_casts as join_casts
from ._casts import write_casts as write_casts
from ._fuse import fold_batch_norm as fold_batch_norm
from ._fuse import fuse_activations as fuse_activations
from ._fuse import fuse_dropouts as fuse_dropouts
from ._fuse import fuse_pointwise as fuse_pointwise
from ._fuse import fuse_residuals as fuse_residuals
from ._fuse import fuse_statistics as fuse_statistics
from ._layout import clean_layouts as clean_layouts
from ._losses import fuse_losses as fuse_losses
from ._rewrite import Pass as Pass
from ._siblings import merge_members as merge_members
from ._siblings import merge_parallel as merge_parallel
from ._siblings import merge_scans as merge_scans
from ._siblings import merge_shared as merge_shared
from ._simplify import fold_constants as fold_constants
from ._simplify import merge_equal as merge_equal
from ._simplify import remove_dead as remove_dead
from ._simplify import remove_identities as remove_identities

EARLY: tuple[Pass, ...] = (
    fold_constants, merge_equal, remove_identities, clean_layouts, fuse_losses, fold_batch_norm, merge_shared,
    merge_parallel, merge_scans,
)  # fmt: skip
ON_GPU: tuple[Pass, ...] = (merge_members,)
"""Run between the others where a launch costs more than copying weights."""
LATE: tuple[Pass, ...] = (
    clean_layouts, fuse_statistics, fuse_activations, fuse_dropouts, fuse_residuals, fuse_activations,
    fuse_pointwise, write_casts, remove_dead, join_casts,
)  # fmt: skip
PASSES: tuple[Pass, ...] = (*EARLY, *LATE)
"""In the order in which :func:`optimize` runs them."""


def optimize(program: Program, gpu: bool = False, steps: list[tuple[str, Program]] | None = None) -> Program:
    """The program after all passes.

    Args:
        program: as traced.
        gpu: whether it will run on a GPU.
        steps: gets the name of each pass that changed something, and the program after it.

    Raises:
        ProgramError: with TKERAS_DEBUG=1, a pass made a program that is not well-formed.
    """
    passes: Sequence[Pass] = (*EARLY, *ON_GPU, *LATE) if gpu else PASSES
    debug = debugging()
    for function in passes:
        after = function(program)
        if debug:
            check(function, after)
        if steps is not None and str(after) != str(program):
            steps.append((getattr(function, "__name__", "pass"), after))
        program = after
    return program


def debugging() -> bool:
    """Whether TKERAS_DEBUG=1 asks for programs to be verified after every pass."""
    return os.environ.get("TKERAS_DEBUG") == "1"


def check(function: Pass, program: Program) -> None:
    """Verify what a pass made.

    Raises:
        ProgramError: naming the pass.
    """
    try:
        program.verify()
    except ProgramError as error:
        raise ProgramError(
            f"pass {getattr(function, '__name__', 'pass')} broke the program: {error}"
        ) from error
