"""dense on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import _matmul_launch, dense

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_activations(activation, dtype):
    cases.check_dense((3, 17), 129, 100, dtype, activation, "cpu")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize(("rows", "inner", "columns"), cases.SHAPES)
def test_odd_sizes(rows, inner, columns, dtype):
    cases.check_dense((rows,), inner, columns, dtype, "gelu", "cpu")


@pytest.mark.parametrize("lead", [(), (1,), (2, 1, 3)])
def test_leading_axes(lead):
    cases.check_dense(lead, 17, 3, "fp32", "tanh", "cpu")


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_without_bias(activation):
    cases.check_dense((17,), 100, 3, "fp32", activation, "cpu", bias=False)


def test_strided_arguments():
    cases.check_dense_strided("cpu")


@pytest.mark.parametrize("lead", [(0,), (3, 0)])
def test_empty_batch(lead):
    cases.check_dense(lead, 17, 3, "fp32", "gelu", "cpu")
    tensors = cases.dense_arguments(lead, 17, 3, torch.float32, "cpu")
    y, saved = dense.forward(*tensors, activation=cases.fused("gelu"))
    _, dw, db = dense.backward(saved, (y,), (True, True, True), activation=cases.fused("gelu"))
    assert dw is not None
    assert db is not None
    assert not dw.any()
    assert not db.any()


def test_wide_input_computes_the_activation_gradient_once(monkeypatch):
    """Above four tiles of the input's width the derivative is one pass of its own, unless there is little to do."""
    assert _matmul_launch.worth_fusing(
        torch.empty(17, 33, device="meta"), torch.empty(600, 33, device="meta")
    )
    monkeypatch.setattr(_matmul_launch, "_FEW_ELEMENTS", 0)
    tensors = cases.dense_arguments((17,), 600, 33, torch.float32, "cpu")
    activation = cases.fused("gelu")
    y, saved = dense.forward(*tensors, activation=activation)
    with runtime.recording(runtime.INTERPRETER) as launches:
        dense.backward(saved, (y,), (True, True, True), activation=activation)
    assert [launch.kernel.fn.__name__ for launch in launches] == ["map_flat", "product", "weight_gradient"]
    assert [launch.arguments[1] for launch in launches[1:]] == [None, None]
    cases.check_dense((17,), 600, 33, "fp32", "gelu", "cpu")
    cases.check_dense((17,), 600, 33, "bf16", "tanh", "cpu")


MANY = runtime.Target("many", "interpret", 0, 1 << 30, 16, "interpret")


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_long_sums_are_split(dtype):
    with runtime.planning_for(MANY):
        tensors = cases.dense_arguments((1100,), 17, 3, cases.DTYPES[dtype], "cpu")
        y, saved = dense.forward(*tensors)
        with runtime.recording(MANY) as launches:
            dense.backward(saved, (y,), (False, True, True))
        assert launches[0].grid[1] > 1
        cases.check_dense((1100,), 17, 3, dtype, "gelu", "cpu")


def test_same_bits_twice():
    with runtime.planning_for(MANY):
        cases.check_dense_same_bits("cpu")


def test_only_asked_gradients_are_computed():
    tensors = cases.dense_arguments((3,), 17, 3, torch.float32, "cpu")
    y, saved = dense.forward(*tensors)
    with runtime.recording(runtime.INTERPRETER) as launches:
        dx, dw, db = dense.backward(saved, (y,), (True, False, False))
        assert (dw, db) == (None, None)
        assert [launch.kernel.fn.__name__ for launch in launches] == ["product"]
    dx, dw, db = dense.backward(saved, (y,), (False, False, True))
    assert dx is None
    assert dw is None
    torch.testing.assert_close(db, y.sum(0))


@pytest.mark.parametrize(
    ("activation", "keeps"),
    [("relu", "y"), ("tanh", "y"), ("gelu", "before"), ("linear", None), ("none", None)],
)
def test_saves_what_the_derivative_needs(activation, keeps):
    tensors = cases.dense_arguments((3,), 17, 5, torch.float32, "cpu")
    y, (x, kernel, kept) = dense.forward(*tensors, activation=cases.fused(activation))
    assert x is tensors[0]
    assert kernel is tensors[1]
    if keeps == "before":
        torch.testing.assert_close(kept, dense.reference(*tensors))
    else:
        assert kept is (y if keeps == "y" else None)


def test_a_nan_reaches_the_result_and_stays_in_its_row():
    x, kernel, bias = cases.dense_arguments((5,), 17, 3, torch.float32, "cpu")
    x[2, 3] = torch.nan
    y = dense.infer(x, kernel, bias, activation=cases.fused("relu"))
    assert y.isnan().any(1).tolist() == [False, False, True, False, False]


def test_tf32_and_ieee_reach_the_kernel():
    tensors = cases.dense_arguments((3,), 17, 5, torch.float32, "cpu")
    seen = []
    for precision in ("tf32", "ieee"):
        runtime.set_matmul_precision(precision)
        try:
            with runtime.recording(runtime.INTERPRETER) as launches:
                dense.forward(*tensors)
        finally:
            runtime.set_matmul_precision(None)
        seen += [launch.constants["PRECISION"] for launch in launches]
    assert seen == ["tf32", "ieee"]
