"""`TensorBoard`: values, weights and the graph of a model as event files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tkeras.callbacks._callback import Callback
from tkeras.callbacks._learning_rate import learning_rate_of
from tkeras.callbacks._tensorboard_graph import graph_of


class TensorBoard(Callback):
    """Writes event files for TensorBoard, through torch and the ``tensorboard`` package.

    Values of epochs are written as ``epoch_<name>`` in the folders ``train`` and ``validation``, those of
    batches as ``batch_<name>``, those of `evaluate` as ``evaluation_<name>_vs_iterations``.

    Args:
        log_dir: the folder.
        histogram_freq: epochs between histograms of the weights, 0 for none.
        write_graph: write the graph of layers of a functional or sequential model.
        write_images: with histograms, also show weights as images.
        write_steps_per_second: write how many steps a second run.
        update_freq: ``"epoch"``, ``"batch"``, or a number of batches between values of batches.
        profile_batch: a batch, or the first and last of a range, to profile; 0 for none.
        embeddings_freq: epochs between copies of the weights of `Embedding` layers, 0 for none.
        embeddings_metadata: file with one label a line, or files by layer name.

    Raises:
        ImportError: no ``tensorboard`` package.
        ValueError: an ``update_freq`` or ``profile_batch`` of another form.
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        super().__init__()
        if update_freq not in ("epoch", "batch") and (not isinstance(update_freq, int) or update_freq < 1):
            raise ValueError(
                f"`update_freq` must be 'epoch', 'batch' or a number of batches. Received: {update_freq}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: Any = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._profiled = _batch_range(profile_batch)
        self._writers: dict[str, Any] = {}
        self._profiler: Any = None
        self._step = self._epoch_step = 0
        self._training = False

    _kept = ("_step",)

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            try:
                from torch.utils.tensorboard.writer import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "TensorBoard needs the `tensorboard` package: pip install 'tkeras[tensorboard]'"
                ) from error
            self._writers[name] = SummaryWriter(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _scalars(self, name: str, tags: Mapping[str, Any], step: int) -> None:
        for tag, value in tags.items():
            self._writer(name).add_scalar(tag, float(value), step)

    def on_train_begin(self, logs: Any = None) -> None:
        """Write the graph."""
        self._training, self._step = True, 0
        if self.write_graph:
            graph = graph_of(self.model)
            if graph is not None:
                self._writer("train")._get_file_writer().add_graph(graph)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._epoch_step, self._epoch_start = self._step, time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start profiling at its first batch."""
        if self._profiled and self._step + 1 == self._profiled[0]:
            folder = Path(self.log_dir, "plugins", "profile")
            handler = torch.profiler.tensorboard_trace_handler(str(folder))
            self._profiler = torch.profiler.profile(on_trace_ready=handler)
            self._profiler.start()
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write the values of a batch, as often as asked for."""
        self._step += 1
        if self._profiled and self._step >= self._profiled[1]:
            self._stop_profiler()
        if self.update_freq == "epoch":
            return
        if self.write_steps_per_second:
            speed = 1.0 / max(time.perf_counter() - self._batch_start, 1e-9)
            self._scalars("train", {"batch_steps_per_second": speed}, self._step)
        if self._step % self.update_freq == 0:
            values = {f"batch_{name}": value for name, value in (logs or {}).items()}
            self._scalars("train", values, self._step)

    def _stop_profiler(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None

    def on_test_end(self, logs: Any = None) -> None:
        """Write the values of an evaluation over the iterations of the optimizer."""
        optimizer = self.model.optimizer
        if optimizer is None or not hasattr(optimizer, "iterations"):
            return
        tags = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._scalars("validation", tags, int(optimizer.iterations))
        if not self._training:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the values of an epoch, histograms and embeddings."""
        logs = dict(logs or {})
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        if hasattr(self.model.optimizer, "learning_rate"):
            train["epoch_learning_rate"] = learning_rate_of(self.model)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._epoch_start, 1e-9)
            train["epoch_steps_per_second"] = (self._step - self._epoch_step) / seconds
        self._scalars("train", train, epoch)
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name[:4] == "val_"}
        self._scalars("validation", {f"epoch_{key}": value for key, value in validation.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._histograms(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _histograms(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name, values = weight.path.replace(":", "_"), weight.detach().float().cpu()
                if values.numel():
                    writer.add_histogram(f"{name}/histogram", values, epoch)
                if self.write_images and (image := _image(values)) is not None:
                    writer.add_image(f"{name}/image", image, epoch, dataformats="HW")

    def _embeddings(self, epoch: int) -> None:
        from tkeras.layers import Embedding

        for layer in self.model.layers:
            if isinstance(layer, Embedding) and layer.built:
                rows = layer.get_weights()[0]
                writer = self._writer("train")
                writer.add_embedding(rows, self._labels(layer.name), tag=layer.name, global_step=epoch)

    def _labels(self, layer: str) -> list[str] | None:
        given = self.embeddings_metadata
        name = given.get(layer) if isinstance(given, Mapping) else given
        return None if name is None else Path(self.log_dir, name).read_text().splitlines()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the files."""
        self._training = False
        self._stop_profiler()
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def _batch_range(given: Any) -> tuple[int, int] | None:
    """First and last batch to profile, None for none."""
    if given in (0, None, "0"):
        return None
    numbers = (given, given) if isinstance(given, int) else given
    if (
        not isinstance(numbers, tuple | list)
        or len(numbers) != 2
        or not all(isinstance(number, int) for number in numbers)
        or not 0 < numbers[0] <= numbers[1]
    ):
        raise ValueError(
            "`profile_batch` must be a non-negative integer or a pair of positive integers in order. "
            f"Received: {given}"
        )
    return numbers[0], numbers[1]


def _image(weight: torch.Tensor) -> torch.Tensor | None:
    """A weight as a grey image from 0 to 1: vectors as one row, kernels as a row for each last axis."""
    if not weight.numel() or weight.dim() == 0:
        return None
    flat = weight.reshape(-1, weight.shape[-1]).T if weight.dim() > 1 else weight[None]
    low, high = flat.min(), flat.max()
    return (flat - low) / torch.clamp(high - low, min=1e-12)
