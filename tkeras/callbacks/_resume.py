"""Where interrupted training goes on: the epoch, the batch, and the random generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch

RandomState = list[np.ndarray]


def random_state() -> RandomState:
    """Where Python's, numpy's and torch's generators stand, as arrays."""
    _, words, _ = random.getstate()
    kind, key, position, has_gauss, gauss = np.random.get_state()
    assert kind == "MT19937"
    state = [np.array(words, "uint64"), np.asarray(key, "uint64")]
    state += [np.array([position, has_gauss], "int64"), np.array([gauss], "float64")]  # type: ignore[list-item]
    state.append(torch.get_rng_state().numpy().copy())
    if torch.cuda.is_initialized():
        state += [generator.cpu().numpy().copy() for generator in torch.cuda.get_rng_state_all()]
    return state


def set_random_state(state: RandomState) -> None:
    """Put the generators where :func:`random_state` found them."""
    words, key, counters, gauss, cpu, *gpus = state
    random.setstate((3, tuple(int(word) for word in words), None))
    position, has_gauss = (int(number) for number in counters)
    np.random.set_state(("MT19937", key.astype("uint32"), position, has_gauss, float(gauss[0])))
    torch.set_rng_state(torch.from_numpy(np.ascontiguousarray(cpu)))
    if gpus and torch.cuda.device_count() == len(gpus):
        torch.cuda.set_rng_state_all([torch.from_numpy(np.ascontiguousarray(gpu)) for gpu in gpus])


class Resume:
    """Left on a model as ``_resume`` for the next ``fit``.

    Args:
        epoch: the epoch to go on with.
        step: batches of it that are done.
        at_epoch: the random generators at the begin of that epoch, or of the pass over the data that it goes
            on with.
        now: the random generators after its last batch.
        passed: batches of that pass which earlier epochs took.
    """

    def __init__(self, epoch: int, step: int, at_epoch: RandomState, now: RandomState, passed: int = 0):
        self.epoch, self.step, self.at_epoch, self.now, self.passed = epoch, step, at_epoch, now, passed

    def start(self, initial_epoch: int, data: Any) -> tuple[int, Any]:
        """The epoch to begin with, and the data without what is done."""
        inside = self.step or self.passed
        set_random_state(self.at_epoch if inside else self.now)
        return max(initial_epoch, self.epoch), ResumedData(data, self) if inside else data


class ResumedData:
    """A data set whose first epoch begins in the middle.

    Attributes:
        start: batches of the coming epoch that are passed over.
    """

    def __init__(self, data: Any, resume: Resume):
        self._data, self._resume = data, resume
        self.num_batches, self.start, self._skipped = data.num_batches, resume.step, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def epoch(self) -> Iterator[Any]:
        """The batches that are left of the first epoch, then all of them."""
        batches = self._data.epoch()
        if not self._skipped:
            for _ in islice(batches, self._resume.passed + self._resume.step):
                pass
            set_random_state(self._resume.now)
            self.start, self._skipped = 0, True
        return batches
