"""Keeps Python's garbage collector off while the package is imported: what imports make lives on.

A collection in the middle of it walks all that torch has loaded, and finds nothing.
"""

import gc

_was_on = gc.isenabled()
gc.disable()


def resume() -> None:
    """Back to how it was; called at the end of ``tkeras/__init__.py``."""
    if _was_on:
        gc.enable()
