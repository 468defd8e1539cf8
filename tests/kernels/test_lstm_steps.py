"""The LSTM's own steps on a CPU against the plain loop in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases
from tkeras_kernels.operators import _lstm, _lstm_steps, lstm

SIZES = [(1, 1, 3, 1), (3, 17, 2, 5), (1, 17, 5, 64), (17, 3, 4, 5), (3, 1, 1, 64)]
"""(batch, steps, width, units)."""


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps for every size."""
    monkeypatch.setattr(_lstm, "steps_are_faster", lambda *sizes: True)


def run(tensors: list[torch.Tensor | None], loop: bool, **attributes: Any) -> list[torch.Tensor]:
    """Results and gradients; what drops nothing keeps a call in the loop."""
    x, recurrent_kernel = tensors[0], tensors[2]
    assert x is not None
    assert recurrent_kernel is not None
    leaves = [t if t is None or t.dtype == torch.bool else t.detach().requires_grad_() for t in tensors]
    if loop:
        leaves[8] = x.new_ones(4, len(x), len(recurrent_kernel))
    results = lstm.reference(*leaves, **attributes)
    total: Any = sum((y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() for y in results)
    wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    return [*results, *torch.autograd.grad(total, wanted)]


def double(tensors: list[torch.Tensor | None]) -> list[torch.Tensor | None]:
    return [t if t is None or t.dtype == torch.bool else t.double() for t in tensors]


def check(tensors: list[torch.Tensor | None], **attributes: Any) -> None:
    """The bound of ``fused_cases``, with the plain loop as torch's."""
    exact = run(double(tensors), True, **attributes)
    ours, theirs = (run(tensors, loop, **attributes) for loop in (False, True))
    for index, (a, b, c) in enumerate(zip(ours, theirs, exact, strict=True)):
        error = (a - c).abs().max().item()
        floor = 2e-6 * max(c.abs().max().item(), 1 / 8)
        assert error <= 2 * (b - c).abs().max().item() + floor, index


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_sizes(sizes: tuple[int, int, int, int], masked: bool, backwards: bool) -> None:
    mask = scan_cases.ragged(*sizes[:2]) if masked else None
    for sequences in (False, True):
        tensors = scan_cases.arguments("lstm", sizes, torch.float32, "cpu", mask=mask)
        check(tensors, return_sequences=sequences, go_backwards=backwards)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("zero", [False, True])
def test_arguments(bias: bool, starts: bool, zero: bool) -> None:
    sizes, mask = (3, 17, 4, 5), scan_cases.ragged(3, 17)
    tensors = scan_cases.arguments("lstm", sizes, torch.float32, "cpu", bias, starts, mask, input_masks=1)
    for sequences in (False, True):
        check(tensors, return_sequences=sequences, zero_output_for_mask=zero)


@pytest.mark.usefixtures("always")
def test_memory_that_is_not_contiguous() -> None:
    tensors = scan_cases.arguments("lstm", (5, 6, 4, 3), torch.float32, "cpu")
    twisted = [t if t is None else t.mT.contiguous().mT if t.dim() > 1 else t for t in tensors]
    x = tensors[0]
    assert x is not None
    twisted[0] = torch.cat([x, x], 2)[:, ::2, 1:5].transpose(0, 1).contiguous().transpose(0, 1)
    check(twisted, return_sequences=True)


@pytest.mark.usefixtures("always")
def test_chunks_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slopes are computed for some steps at once; the last chunk may be smaller."""
    monkeypatch.setattr(_lstm_steps, "_CHUNK", 4 * 3 * 4 * 5)
    for mask in (None, scan_cases.ragged(3, 11)):
        tensors = scan_cases.arguments("lstm", (3, 11, 2, 5), torch.float32, "cpu", mask=mask)
        check(tensors, return_sequences=True, go_backwards=mask is None)


@pytest.mark.usefixtures("always")
def test_same_bits_and_no_memory_of_before() -> None:
    tensors = scan_cases.arguments("lstm", (3, 17, 4, 64), torch.float32, "cpu")
    first = run(tensors, False, return_sequences=True)
    with cases.poisoned():
        second = run(tensors, False, return_sequences=True)
    assert all(map(torch.equal, first, second))


@pytest.mark.usefixtures("always")
def test_empty_batch() -> None:
    tensors = scan_cases.arguments("lstm", (0, 3, 2, 4), torch.float32, "cpu")
    y, _, _, dx, dkernel, *_ = run(tensors, False, return_sequences=True)
    assert y.shape == (0, 3, 4)
    assert dx.shape == (0, 3, 2)
    assert not dkernel.any()


@pytest.mark.usefixtures("always")
def test_second_derivatives_and_two_backwards() -> None:
    tensors = scan_cases.arguments("lstm", (2, 5, 3, 4), torch.float64, "cpu")
    leaves = [t.requires_grad_() for t in tensors if t is not None]
    assert torch.autograd.gradgradcheck(lambda *given: lstm.reference(*given)[0], leaves)
    y = lstm.reference(*leaves)[0].sum()
    once = torch.autograd.grad(y, leaves[:3], retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(y, leaves[:3]), once)


class Count(TorchDispatchMode):
    """ATen calls that compute something."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not func.is_view:
            self.calls.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def calls(steps: int, masked: bool) -> tuple[int, int]:
    """Of the walk forward and of that back."""
    tensors = scan_cases.arguments("lstm", (2, steps, 3, 4), torch.float32, "cpu")
    given: Any = (*tensors[:6], torch.ones(2, steps, dtype=torch.bool) if masked else None, False)
    names = ("gates", "candidates", "h", "c", "bounded")
    made = dict(zip(names, _lstm_steps._room(*given), strict=True))
    with Count() as forward:
        _lstm_steps._forward_into(*given, **made)
    values: Any = [made[name] for name in ("gates", "candidates", "c", "bounded")]
    with Count() as backward:
        _lstm_steps._backward(torch.ones_like(made["bounded"]), None, None, *values, given[2], *given[6:])
    return len(forward.calls), len(backward.calls)


@pytest.mark.parametrize(("masked", "forward", "backward"), [(False, 7, 6), (True, 9, 7)])
def test_calls_of_a_step(masked: bool, forward: int, backward: int) -> None:
    few, more = calls(10, masked), calls(20, masked)
    assert [(b - a) / 10 for a, b in zip(few, more, strict=True)] == [forward, backward]


def test_small_products_take_one_thread() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with _lstm_steps.few_threads(torch.empty(8, 16), torch.empty(16, 64)):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with _lstm_steps.few_threads(torch.empty(64, 512), torch.empty(512, 2048)):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("sizes", "steps"),
    [
        ((32, 280, 256, 64), True),
        ((32, 100, 512, 32), True),
        ((32, 100, 64, 32), False),
        ((64, 64, 64, 256), False),
    ],
)
def test_choice(sizes: tuple[int, int, int, int], steps: bool) -> None:
    assert _lstm.steps_are_faster(*sizes) is steps
