"""`SwapEMAWeights`: evaluation with averaged weights."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.callbacks._callback import Callback


class SwapEMAWeights(Callback):
    """Exchange the weights with their moving averages while the model is evaluated or predicts.

    The optimizer must average (``use_ema=True``). The exchange is in place.

    Args:
        swap_on_epoch: exchange at the end of epochs too, until the next begins, for callbacks that come after
            this one, such as `ModelCheckpoint`.
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    @property
    def _optimizer(self) -> Any:
        return getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)

    def _exchange(self) -> None:
        optimizer = self._optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', None)}"
            )
        if not optimizer.built:
            return
        with torch.no_grad():
            for variable, average in self._pairs():
                kept = variable.detach().clone()
                variable.copy_(average)
                average.copy_(kept)
        optimizer._swapped = not optimizer._swapped

    def _pairs(self) -> Any:
        """Weights with their averages."""
        return zip(self._optimizer._trainable_variables, self._optimizer._slots["average"], strict=True)

    def _to_averages(self, logs: Any = None) -> None:
        if not getattr(self._optimizer, "_swapped", False):
            self._exchange()

    def _to_weights(self, logs: Any = None) -> None:
        if getattr(self._optimizer, "_swapped", False):
            self._exchange()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Back to the weights."""
        self._to_weights()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """With ``swap_on_epoch``: the averages, until the next epoch begins or training ends."""
        if self.swap_on_epoch:
            self._to_averages()

    def on_train_end(self, logs: Any = None) -> None:
        """The averages become the weights, as without this callback."""
        optimizer = self._optimizer
        if getattr(optimizer, "_swapped", False):
            with torch.no_grad():
                for variable, average in self._pairs():
                    average.copy_(variable)
            optimizer._swapped = False

    on_test_begin = on_predict_begin = _to_averages
    on_test_end = on_predict_end = _to_weights
