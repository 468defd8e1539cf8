"""Seeds: where random numbers come from, in the same order and with the same values as Keras on torch."""

from __future__ import annotations

import random as python_random
from typing import Any

import torch

from tkeras.bridge import recording
from tkeras.graph import MetaMode, Variable, auto_name, name_scope
from tkeras.saving import public
from tkeras_kernels.operators import next_seed
from tkeras_kernels.runtime import without_kernels

_INT32 = 1 << 31
_global: list[SeedGenerator] = []


def _wrap(value: int) -> int:
    """An int with the bits of ``value`` as int32."""
    return (value + _INT32) % (2 * _INT32) - _INT32


@public("keras.random.SeedGenerator")
class SeedGenerator:
    """A state that gives a new seed at each draw; pass it as ``seed`` to draw different numbers at each call.

    The state is one int32 variable ``[seed, count]``. It is on the CPU, so that drawing does not wait for a
    device, until layers on a device draw there (:meth:`draw_on`).

    Args:
        seed: an int, or None for one taken from Python's ``random``.
        name: of the scope of the variable.
    """

    _draws_seeds = True  # a layer that it is assigned to has its state among the variables

    def __init__(self, seed: int | None = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        seed = make_default_seed() if seed is None else seed
        if not isinstance(seed, int):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        with name_scope(self.name):
            value = torch.tensor([_wrap(seed), 0], dtype=torch.int32, device="cpu")
            self.state = Variable(value, trainable=False, name="seed_generator_state")

    def draw(self, ordered: bool = True) -> int:
        """The next seed as an int; the state moves on, except while shapes are inferred."""
        if MetaMode.active():
            return 0
        first, second = self.state.tolist()
        if ordered:
            state = (first, _wrap(second + 1))
        else:
            state = tuple(_wrap(_wrap(value) * 5387) % 933199 for value in (first + 1, second + 1))
        self.state.data.copy_(torch.tensor(state, dtype=torch.int32, device="cpu"))
        return (first + second) & 0xFFFFFFFF

    def next(self, ordered: bool = True) -> torch.Tensor:
        """The state ``[seed, count]`` before it moves on."""
        if MetaMode.active():
            return torch.empty(2, dtype=torch.int32)
        state = self.state.detach().clone()
        self.draw(ordered)
        return state

    def draw_on(self, device: torch.device) -> torch.Tensor:
        """The next seed (1,) in int64, drawn on a device, where the state is from now on.

        The host reads nothing: in a captured step each replay draws anew.
        """
        if recording.active is not None:
            return recording.active.seed(self, device)
        self.move_to(device)
        return next_seed(self.state)

    def move_to(self, device: torch.device) -> None:
        """Put the state on a device."""
        if self.state.device != device:
            self.state.data = self.state.data.to(device)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator from :meth:`get_config`."""
        return cls(**config)


def make_default_seed() -> int:
    """A seed from Python's ``random``."""
    return python_random.randint(1, int(1e9))


def global_seed_generator() -> SeedGenerator:
    """The generator behind ``seed=None``."""
    if not _global:
        with MetaMode.paused():
            _global.append(SeedGenerator())
    return _global[0]


def reset_global_seed_generator() -> None:
    """Let the next draw without a seed start from a fresh generator, seeded from Python's ``random``."""
    _global.clear()


def draw_seed(seed: int | SeedGenerator | None) -> int:
    """An unsigned 32-bit seed for one call.

    Raises:
        ValueError: ``seed`` is neither an int, nor a SeedGenerator, nor None.
    """
    if isinstance(seed, SeedGenerator):
        return seed.draw()
    if isinstance(seed, int):
        return seed & 0xFFFFFFFF
    if MetaMode.active():
        return 0
    if seed is None:
        return global_seed_generator().draw(ordered=False)
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed} (of type {type(seed)})"
    )


def generator(seed: int | SeedGenerator | None, device: torch.device) -> torch.Generator | None:
    """A torch generator for one call, None on the meta device, which has none."""
    if recording.active is not None:
        return recording.active.generator(seed, device)
    return None if device.type == "meta" else torch.Generator(device).manual_seed(draw_seed(seed))


def drawn(seed: int | SeedGenerator | None, on: torch.Tensor) -> dict[str, Any]:
    """Where an operator's random numbers for ``on`` come from, as its attributes: where kernels may run, a
    seed drawn on the device; otherwise a generator with the numbers of Keras."""
    if isinstance(seed, SeedGenerator) and without_kernels(on) is None:
        return {"seed": seed.draw_on(on.device)}
    return {"generator": generator(seed, on.device)}
