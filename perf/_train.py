"""Training of one model by one contender, in this process: its speed, its start, its memory."""

from __future__ import annotations

import importlib
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from perf._models import WORKLOADS, Workload, initialise

CONTENDERS = (
    "tkeras", "tkeras compiled", "torch", "torch.compile", "keras torch", "keras jax", "keras tensorflow",
)  # fmt: skip
Fit = Callable[[int, int], float]
"""Trains on the first so many samples for so many epochs, and gives the loss of the last."""
_LEAST_STEPS = 3


def train(
    name: str, contender: str, seconds: float, batch: int | None = None, counted: bool = True
) -> dict[str, Any]:
    """Train a model as a contender does.

    Every contender begins with the same weights, draws the same data, and takes the same batches in order.

    Returns:
        ``import_seconds``: importing the library. ``first_step_seconds``: building the model, compiling it
        and the first step, data and import left out. ``third_step_seconds``: the same to the end of the third
        step, where every contender has compiled what it compiles. ``steps_per_second``: of ``steps`` further
        ones, which take about ``seconds``, are at least three, and pay for what each epoch of ``fit`` costs.
        ``peak_megabytes``: of the whole process until then, data and libraries included;
        ``device_megabytes``: of torch's memory on a GPU. ``launches``: of one step, where ``counted``; see
        :func:`_launches`.
        ``first_loss``, ``early_loss`` of the next two steps, ``last_loss``; ``versions`` of the libraries.
    """
    workload = WORKLOADS[name]
    batch = batch or workload.batch
    inputs, targets = workload.data(batch * workload.batches)
    began = time.perf_counter()
    library = importlib.import_module(contender.replace(".", " ").split()[0])
    imported = time.perf_counter()
    make = _torch_fit if contender.startswith("torch") else _keras_fit
    fit = make(library, workload, contender, inputs, targets, batch)
    first = fit(batch, 1)
    stepped = time.perf_counter()
    early = fit(2 * batch, 1)
    thrice = time.perf_counter()
    steps = _enough(fit, batch, workload.batches, seconds)
    epochs, samples = max(1, round(steps / workload.batches)), min(steps, workload.batches) * batch
    _wait()
    start = time.perf_counter()
    last = fit(samples, epochs)
    _wait()
    taken = time.perf_counter() - start
    return {
        "steps": epochs * samples // batch,
        "steps_per_second": epochs * samples / batch / taken,
        "import_seconds": imported - began,
        "first_step_seconds": stepped - imported,
        "third_step_seconds": thrice - imported,
        "first_loss": float(first),
        "early_loss": float(early),
        "last_loss": float(last),
        **_memory(),
        "launches": _launches(fit, batch, contender) if counted else None,
        "versions": _versions(contender),
    }


def _enough(fit: Fit, batch: int, batches: int, seconds: float) -> int:
    """How many steps take about so many seconds: from one step, or more while they are short."""
    steps = 1
    while True:
        start = time.perf_counter()
        fit(steps * batch, 1)
        taken = time.perf_counter() - start
        if taken > seconds / 4 or steps == batches:
            return max(_LEAST_STEPS, int(seconds * steps / taken))
        steps = min(batches, 4 * steps)


def _memory() -> dict[str, float]:
    found = {"peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["device_megabytes"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def _versions(contender: str) -> dict[str, str]:
    names = {"keras jax": ("keras", "jax"), "keras tensorflow": ("keras", "tensorflow")}
    return {name: sys.modules[name].__version__ for name in names.get(contender, ())}


def _wait() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()


def _launches(fit: Fit, batch: int, contender: str) -> int | None:
    """Of a step: launches of kernels and graphs on a GPU, calls of ATen operators that compute on a CPU.

    None where torch does not run the step, and of torch.compile on a CPU, whose code makes no calls.
    """
    torch = sys.modules.get("torch")
    if torch is None or contender in ("keras jax", "keras tensorflow"):
        return None
    if not torch.cuda.is_available():
        if contender == "torch.compile":
            return None
        from tkeras.compiler._figures import count

        once, twice = (count(lambda steps=steps: fit(steps * batch, 1))[0] for steps in (1, 2))
        return twice - once
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        fit(batch, 1)
        torch.cuda.synchronize()
    names = [event.key for event in profile.key_averages() for _ in range(event.count)]
    return sum(any(part in name for part in ("LaunchKernel", "GraphLaunch")) for name in names)


def _keras_fit(
    keras: Any, workload: Workload, contender: str, inputs: list[Any], targets: list[Any], batch: int
) -> Fit:
    how = {"jit_compile": contender == "tkeras compiled"} if contender.startswith("tkeras") else {}
    warnings.filterwarnings("error", "Model .* trains eagerly")  # what was to be a program has to be one
    keras.utils.set_random_seed(0)
    model = workload.build(keras)
    initialise(model)
    optimizer, rate = workload.optimizer
    model.compile(
        getattr(keras.optimizers, optimizer)(rate), loss=[loss for loss, _ in workload.targets], **how
    )

    def fit(samples: int, epochs: int) -> float:
        x, y = ([value[:samples] for value in values] for values in (inputs, targets))
        x, y = x if len(x) > 1 else x[0], y if len(y) > 1 else y[0]
        history = model.fit(x, y, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    return fit


def _torch_fit(
    torch: Any, workload: Workload, contender: str, inputs: list[Any], targets: list[Any], batch: int
) -> Fit:
    from perf import _torch_models

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = _torch_models.MODELS[workload.build.__name__]()
    _torch_models.initialise(model)
    call = torch.compile(model.to(device)) if contender == "torch.compile" else model.to(device)
    x, y = ([torch.from_numpy(value).to(device) for value in values] for values in (inputs, targets))
    name, rate = workload.optimizer
    more = {"alpha": 0.9, "eps": 1e-7} if name == "RMSprop" else {}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = getattr(torch.optim, name)(trained, lr=rate, **more)
    losses = [loss for loss, _ in workload.targets]

    def step(rows: slice) -> Any:
        optimizer.zero_grad()
        loss = torch_loss(call(*[value[rows] for value in x]), [value[rows] for value in y], losses)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def fit(samples: int, epochs: int) -> float:
        total = torch.zeros((), device=device)
        for _ in range(epochs):
            total.zero_()
            for start in range(0, samples, batch):
                total += step(slice(start, start + batch))
        return total.item() * batch / samples

    return fit


def torch_loss(outputs: Any, targets: list[Any], losses: list[str]) -> Any:
    """The sum of the outputs' losses, by their names in Keras."""
    import torch
    from torch.nn import functional as F

    total: Any = 0.0
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for output, target, loss in zip(outputs, targets, losses, strict=True):
        if loss == "binary_crossentropy":
            total = total + F.binary_cross_entropy(output, target)
        elif loss == "mse":
            total = total + F.mse_loss(output, target)
        else:
            logarithms = torch.log(output.clamp_min(1e-7)).flatten(0, -2)
            total = total + F.nll_loss(logarithms, target.flatten())
    return total
