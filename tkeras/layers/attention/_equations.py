"""Einsum equations of attention over any axes."""

from __future__ import annotations

from string import ascii_lowercase as LETTERS


def projection(free: int, bound: int, new: int) -> tuple[str, str]:
    """The equation that sums ``bound`` last axes into ``new`` ones, and the letters of the new ones."""
    kept, summed = LETTERS[:free], LETTERS[free : free + bound]
    made = LETTERS[free + bound : free + bound + new]
    return f"{kept}{summed},{summed}{made}->{kept}{made}", made


def attention(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """The equations ``key,query->scores`` and ``scores,value->output``.

    Queries, keys and values have ``rank`` axes with the features last; the scores have those that are neither
    features nor attended, then the attended ones of the query, then those of the key.
    """
    query, fresh = LETTERS[:rank], iter(LETTERS[rank:])
    key = "".join(next(fresh) if axis in axes else letter for axis, letter in enumerate(query))
    batch = "".join(letter for axis, letter in enumerate(query[:-1]) if axis not in axes)
    scores = batch + "".join(query[axis] for axis in axes) + "".join(key[axis] for axis in axes)
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}"
