"""Recurrent steps on a CPU, written out with their backward, against the plain loop in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases
from tkeras_kernels.operators import _lstm, _lstm_steps, _recurrent_steps, _steps

SIZES = [(1, 1, 3, 1), (3, 17, 2, 5), (1, 17, 5, 64), (17, 3, 4, 5), (3, 1, 1, 64)]
"""(batch, steps, width, units)."""
KINDS = ["lstm", "gru", "simple_rnn"]
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps for every size."""
    monkeypatch.setattr(_lstm, "steps_are_faster", lambda *sizes, **options: True)


def run(kind: str, tensors: list[torch.Tensor | None], loop: bool, **attributes: Any) -> list[torch.Tensor]:
    """Results and gradients; what drops nothing keeps a call in the loop."""
    x, recurrent_kernel = tensors[0], tensors[2]
    assert x is not None
    assert recurrent_kernel is not None
    leaves = [t if t is None or t.dtype == torch.bool else t.detach().requires_grad_() for t in tensors]
    if loop:
        leaves[-1] = x.new_ones(scan_cases.GATES[kind], len(x), len(recurrent_kernel))
    results = scan_cases.operator_of(kind)[0].reference(*leaves, **attributes)
    total: Any = sum((y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() for y in results)
    wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    return [*results, *torch.autograd.grad(total, wanted)]


def double(tensors: list[torch.Tensor | None]) -> list[torch.Tensor | None]:
    return [t if t is None or t.dtype == torch.bool else t.double() for t in tensors]


def check(kind: str, tensors: list[torch.Tensor | None], **attributes: Any) -> None:
    """The bound of ``fused_cases``, with the plain loop as torch's."""
    exact = run(kind, double(tensors), True, **attributes)
    ours, theirs = (run(kind, tensors, loop, **attributes) for loop in (False, True))
    for index, (a, b, c) in enumerate(zip(ours, theirs, exact, strict=True)):
        error = (a - c).abs().max().item()
        floor = 2e-6 * max(c.abs().max().item(), 1 / 8)
        assert error <= 2 * (b - c).abs().max().item() + floor, index


@pytest.mark.usefixtures("always")
@kinds
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_sizes(kind: str, sizes: tuple[int, int, int, int], masked: bool, backwards: bool) -> None:
    mask = scan_cases.ragged(*sizes[:2]) if masked else None
    for sequences in (False, True):
        tensors = scan_cases.arguments(kind, sizes, torch.float32, "cpu", mask=mask)
        check(kind, tensors, return_sequences=sequences, go_backwards=backwards)


@pytest.mark.usefixtures("always")
@kinds
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("zero", [False, True])
def test_arguments(kind: str, bias: bool, starts: bool, zero: bool) -> None:
    sizes, mask = (3, 17, 4, 5), scan_cases.ragged(3, 17)
    tensors = scan_cases.arguments(kind, sizes, torch.float32, "cpu", bias, starts, mask, input_masks=1)
    for sequences in (False, True):
        check(kind, tensors, return_sequences=sequences, zero_output_for_mask=zero)


@pytest.mark.usefixtures("always")
@kinds
def test_memory_that_is_not_contiguous(kind: str) -> None:
    tensors = scan_cases.arguments(kind, (5, 6, 4, 3), torch.float32, "cpu")
    twisted = [t if t is None else t.mT.contiguous().mT if t.dim() > 1 else t for t in tensors]
    x = tensors[0]
    assert x is not None
    twisted[0] = torch.cat([x, x], 2)[:, ::2, 1:5].transpose(0, 1).contiguous().transpose(0, 1)
    check(kind, twisted, return_sequences=True)


@pytest.mark.usefixtures("always")
@kinds
def test_chunks_of_steps(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slopes are computed for some steps at once; the last chunk may be smaller."""
    monkeypatch.setattr(_steps, "_CHUNK", 4 * 3 * 4 * 5)
    for mask in (None, scan_cases.ragged(3, 11)):
        tensors = scan_cases.arguments(kind, (3, 11, 2, 5), torch.float32, "cpu", mask=mask)
        check(kind, tensors, return_sequences=True, go_backwards=mask is None)


@pytest.mark.usefixtures("always")
@kinds
def test_same_bits_and_no_memory_of_before(kind: str) -> None:
    tensors = scan_cases.arguments(kind, (3, 17, 4, 64), torch.float32, "cpu")
    first = run(kind, tensors, False, return_sequences=True)
    with cases.poisoned():
        second = run(kind, tensors, False, return_sequences=True)
    assert all(map(torch.equal, first, second))


@pytest.mark.usefixtures("always")
@kinds
def test_empty_batch(kind: str) -> None:
    tensors = scan_cases.arguments(kind, (0, 3, 2, 4), torch.float32, "cpu")
    found = run(kind, tensors, False, return_sequences=True)
    y, dx, dkernel = found[0], *found[3 if kind == "lstm" else 2 :][:2]
    assert y.shape == (0, 3, 4)
    assert dx.shape == (0, 3, 2)
    assert not dkernel.any()


@pytest.mark.usefixtures("always")
@kinds
def test_second_derivatives_and_two_backwards(kind: str) -> None:
    tensors = scan_cases.arguments(kind, (2, 5, 3, 4), torch.float64, "cpu")
    leaves = [t.requires_grad_() for t in tensors if t is not None]
    reference = scan_cases.operator_of(kind)[0].reference
    assert torch.autograd.gradgradcheck(lambda *given: reference(*given)[0], leaves)
    y = reference(*leaves)[0].sum()
    once = torch.autograd.grad(y, leaves[:3], retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(y, leaves[:3]), once)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A helper multiplies beside the steps of any sequence."""
    monkeypatch.setattr(_steps, "_HELPED", 0)
    monkeypatch.setattr(_steps, "_PIECES", 4)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not _steps._SETTABLE, reason="torch's threads are not OpenMP's")
@pytest.mark.usefixtures("always", "helped")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_helper(masked: bool, backwards: bool) -> None:
    mask = scan_cases.ragged(3, 18) if masked else None
    for steps in (17, 18):
        given = None if mask is None else mask[:, :steps]
        tensors = scan_cases.arguments("lstm", (3, steps, 4, 5), torch.float32, "cpu", mask=given)
        assert _steps.pieces(torch.empty(steps, 3, 20), 4, torch.empty(5, 20)) == 4
        check("lstm", tensors, return_sequences=True, go_backwards=backwards)
        first, second = (run("lstm", tensors, False, go_backwards=backwards) for _ in range(2))
        assert all(map(torch.equal, first, second))
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(not _steps._SETTABLE, reason="torch's threads are not OpenMP's")
@pytest.mark.usefixtures("always", "helped")
def test_helper_without_gradients_and_with_some() -> None:
    x, kernel, recurrent_kernel, *_ = scan_cases.arguments(
        "lstm", (3, 17, 4, 5), torch.float32, "cpu", bias=False
    )
    assert x is not None
    mask = scan_cases.ragged(3, 17)
    with torch.inference_mode():
        found = _lstm.lstm.reference(x, kernel, recurrent_kernel, mask=mask)
    expected = _lstm.lstm.reference(x.double(), kernel.double(), recurrent_kernel.double(), mask=mask)  # pyright: ignore[reportOptionalMemberAccess]
    torch.testing.assert_close([y.double() for y in found], [*expected])
    x.requires_grad_()
    (dx,) = torch.autograd.grad(_lstm.lstm.reference(x, kernel, recurrent_kernel)[0].sum(), x)
    assert dx.shape == x.shape
    assert dx.any()


def test_helper_fails_where_its_result_is_asked_for() -> None:
    wait = _steps.beside(lambda: torch.mm(torch.ones(2, 3), torch.ones(2, 3)), helped=True)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        wait()


class Count(TorchDispatchMode):
    """ATen calls that compute something."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not func.is_view:
            self.calls.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def calls(kind: str, steps: int, masked: bool) -> tuple[int, int]:
    """Of the walk forward and of that back."""
    *tensors, _, _, _ = scan_cases.arguments(kind, (2, steps, 3, 4), torch.float32, "cpu")
    mask = torch.ones(2, steps, dtype=torch.bool) if masked else None
    given: Any = (*tensors, mask, False)
    dy = torch.ones(steps, 2, 4)
    module: Any = _lstm_steps if kind == "lstm" else _recurrent_steps
    room, forward, names = {
        "lstm": ("_room", "_forward", "gates candidates h c bounded"),
        "gru": ("_gru_room", "_gru", "gates inner h"),
        "simple_rnn": ("_rnn_room", "_rnn", "z h"),
    }[kind]
    made = dict(zip(names.split(), getattr(module, room)(*given), strict=True))
    with Count() as ahead:
        getattr(module, forward)(*given, **made)
    values: Any = [dy, None, *made.values(), given[2], mask, False]
    if kind == "lstm":
        values = [dy, None, None, given[0], given[2], mask, *made.values(), False, [True] * 3]
    run = getattr(module, {"lstm": "_backward", "gru": "_gru_backward", "simple_rnn": "_rnn_backward"}[kind])
    room = module._backward_room(*values) if kind == "lstm" else module._state_room(*values)
    names = "dkernel drecurrent dbias dh0 dc0" if kind == "lstm" else "dh0"
    with Count() as back:
        run(*values, **dict(zip(names.split(), room, strict=True)))
    return len(ahead.calls), len(back.calls)


@pytest.mark.parametrize(
    ("kind", "masked", "forward", "backward"),
    [
        ("lstm", False, 7, 6),
        ("lstm", True, 9, 7),
        ("gru", False, 6, 7),
        ("gru", True, 7, 7),
        ("simple_rnn", False, 2, 3),
        ("simple_rnn", True, 3, 5),
    ],
)
def test_calls_of_a_step(kind: str, masked: bool, forward: int, backward: int) -> None:
    few, more = calls(kind, 10, masked), calls(kind, 20, masked)
    assert [(b - a) / 10 for a, b in zip(few, more, strict=True)] == [forward, backward]


@pytest.mark.skipif(not _steps._SETTABLE, reason="torch's threads are not OpenMP's")
def test_small_products_take_one_thread() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with _steps.few_threads(torch.empty(8, 16), torch.empty(16, 64)):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with _steps.few_threads(torch.empty(64, 512), torch.empty(512, 2048)):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("sizes", "faster"),
    [
        ((32, 280, 256, 64), True),
        ((32, 100, 512, 32), True),
        ((32, 100, 256, 128), True),
        ((32, 100, 64, 32), False),
        ((64, 64, 64, 256), False),
        ((64, 50, 256, 256), False),
    ],
)
def test_choice(sizes: tuple[int, int, int, int], faster: bool) -> None:
    """Without the gradient of the input; with it torch's kernels are taken."""
    found = [_lstm.steps_are_faster(*sizes, input_gradient=needed) for needed in (False, True)]
    assert found == [faster, False]
