"""Costs of a training step of the seed models, as eager code and as a program: ``python -m perf.step_costs``.

ATen calls and bytes on this device, at the sizes of the models' descriptions; with ``--time`` also the ratio
of processor times, both on one thread in turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from tabulate import tabulate

import tkeras
from perf._models import WORKLOADS
from tests import seed_models
from tkeras import losses
from tkeras.compiler._figures import Figures, readable, step_figures
from tkeras.training._compiled import FIT, Compiled

_SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)


def _described(name: str) -> tuple[Any, Any, Any, Any]:
    """A model of ``perf models`` with a batch of its data."""
    workload = WORKLOADS[name]
    x, y = ([torch.from_numpy(value) for value in part] for part in workload.data(workload.batch))
    loss = [loss for loss, _ in workload.targets]
    return workload.build(tkeras), x, (y if len(y) > 1 else y[0]), (loss if len(loss) > 1 else loss[0])


def cases() -> dict[str, tuple[Any, Any, Any, Any]]:
    """Model, inputs, targets and loss by name."""
    return {
        "MLP 784-64-64-10 (64)": (
            seed_models.mnist_model(tkeras), torch.rand(64, 784), torch.randint(10, (64,)), _SPARSE,
        ),
        "encoder (64)": (seed_models.encoder(tkeras), torch.rand(64, 28, 28, 1), torch.rand(64, 16), "mse"),
        "toy ResNet (64)": (
            seed_models.toy_resnet(tkeras), torch.rand(64, 32, 32, 3), torch.randint(10, (64,)), _SPARSE,
        ),
        "headline, T 100 (32)": _described("headline"),
        "ticket, T 10 and 100 (32)": _described("ticket"),
        "siamese, T 280 (32)": _described("siamese"),
    }  # fmt: skip


def measure(model: Any, x: Any, y: Any, loss: Any) -> Figures:
    """The costs of a step with RMSprop."""
    model.compile("rmsprop", loss)
    return step_figures(model, (x, y))[0]


def speedup(model: Any, x: Any, y: Any, rounds: int = 9) -> float:
    """Median over the rounds of an eager step's processor time over the program's."""
    compiled = Compiled(model, FIT, [(x, y)])
    compiled([(x, y)])

    def seconds(step: Callable[[], Any]) -> float:
        start, count = time.process_time(), 0
        while time.process_time() - start < 0.2 or not count:
            step()
            count += 1
        return (time.process_time() - start) / count

    eager, program = (lambda: model._learn((x, y))), (lambda: compiled([(x, y)]))
    return statistics.median(seconds(eager) / seconds(program) for _ in range(rounds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m perf.step_costs", description="Costs of a training step."
    )
    parser.add_argument("--time", action="store_true", help="also measure eager time / program time")
    timed = parser.parse_args().time
    torch.set_num_threads(1)
    rows = []
    for name, case in cases().items():
        figures = measure(*case)
        saved = map(readable, figures.saved)
        times = [f"{speedup(*case[:3]):.2f}"] if timed else []
        rows.append([name, *figures.launches, *saved, *map(readable, figures.planned), *times])
    headers = ["model (batch)", "launches", "program", "saved", "program", "memory", "shared"]
    headers += ["eager / program"] if timed else []
    print(tabulate(rows, headers, disable_numparse=True))


if __name__ == "__main__":
    main()
