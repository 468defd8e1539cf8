"""Dropout inside another operator: its attributes ``rate``, ``generator`` and ``seed``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ._dropout import dropout
from ._matmul_launch import Dropout
from ._random import draw_seed, kept


def seeded(attributes: dict[str, Any]) -> dict[str, Any]:
    """A seed in place of the generator, so that forward, backward and reference drop alike."""
    if not attributes.get("rate") or attributes.get("seed") is not None:
        return attributes
    return {**attributes, "generator": None, "seed": draw_seed(attributes.get("generator"))}


def dropout_of(attributes: Mapping[str, Any], on: torch.Tensor) -> Dropout | None:
    """The dropout of a call of kernels on the device of ``on``; None for none.

    Raises:
        ValueError: the attributes have not been through the operator's ``split``.
    """
    rate, seed = attributes.get("rate", 0.0), attributes.get("seed")
    if not rate:
        return None
    if seed is None:
        raise ValueError("Expected attributes as `split` gives them, with a seed for dropout. Received: none")
    return Dropout(rate, seed.to(on.device))


def thinned(
    values: torch.Tensor, rate: float, generator: torch.Generator | None, seed: torch.Tensor | None
) -> torch.Tensor:
    """``values`` in torch with a fraction ``rate`` dropped: as the kernels do where a seed is given."""
    if seed is None or not rate:
        return dropout.reference(values, rate=rate, generator=generator)
    keep = kept(seed.to(values.device), values.shape, rate)
    return torch.where(keep, values * (1.0 if rate == 1 else 1 / (1 - rate)), 0.0)
