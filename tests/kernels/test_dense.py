"""dense on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import _matmul_launch, dense, matmul
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.templates import _tiles

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


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_long_sums_of_few_outputs_are_split_in_forward(dtype):
    with runtime.planning_for(MANY), runtime.recording(MANY) as launches:
        dense.forward(*cases.dense_arguments((17,), 5000, 3, cases.DTYPES[dtype], "cpu"))
    assert [launch.kernel.fn.__name__ for launch in launches] == ["product", "finish"]
    assert launches[0].grid[1] == 5
    with runtime.planning_for(MANY):
        cases.check_dense((17,), 5000, 3, dtype, "gelu", "cpu")
        cases.check_dense_end((17,), (5000, 3), dtype, "tanh", "both", "cpu")


@pytest.mark.parametrize("end", cases.ENDS)
@pytest.mark.parametrize("activation", ["none", "relu", "gelu", "tanh"])
def test_dropout_and_residual(activation, end):
    cases.check_dense_end((3, 17), (33, 40), "fp32", activation, end, "cpu")


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_dropout_and_residual_in_half_precision(dtype):
    cases.check_dense_end((129,), (17, 100), dtype, "gelu", "both", "cpu")


@pytest.mark.parametrize("end", ["dropout", "both"])
def test_dropout_of_a_wide_input_is_computed_once(end, monkeypatch):
    monkeypatch.setattr(_matmul_launch, "_FEW_ELEMENTS", 0)
    cases.check_dense_end((17,), (600, 33), "fp32", "tanh", end, "cpu")
    with runtime.recording(runtime.INTERPRETER) as launches:
        attributes, _ = dense.split({"rate": 0.5})
        tensors = cases.dense_arguments((17,), 600, 33, torch.float32, "cpu")
        y, saved = dense.forward(*tensors, **attributes)
        dense.backward(saved, (y,), (True, True, True), **attributes)
    names = ["product", "differentiate", "product", "weight_gradient"]
    assert [launch.kernel.fn.__name__ for launch in launches] == names


def test_a_residual_with_gaps():
    tensors = cases.dense_arguments((17,), 33, 5, torch.float32, "cpu")
    for residual in (torch.randn(17, 10)[:, ::2], torch.randn(5, 17).t(), torch.randn(1, 5).expand(17, 5)):
        cases.check(dense, [*tensors, residual], {"activation": cases.fused("relu")})


def test_saves_what_dropout_and_residual_hide():
    *tensors, residual = *cases.dense_arguments((3,), 17, 5, torch.float32, "cpu"), torch.randn(3, 5)
    y, (_, _, kept) = dense.forward(*tensors, residual, activation=cases.fused("tanh"))
    torch.testing.assert_close(kept, dense.reference(*tensors, activation=cases.fused("tanh")))
    torch.testing.assert_close(y, kept + residual)
    _, (_, _, kept) = dense.forward(*tensors, residual)
    assert kept is None


def test_what_must_not_follow():
    *tensors, residual = *cases.dense_arguments((3,), 17, 5, torch.float32, "cpu"), torch.randn(3, 5)
    assert dense.unsupported((*tensors, residual), {}) is None
    assert dense.unsupported((*tensors, residual[:1]), {}) == "a residual of another shape than the output"
    own = pointwise(lambda x: x.cumsum(-1))
    for arguments, rate in (((*tensors, residual), 0.0), (tuple(tensors), 0.5)):
        reason = dense.unsupported(arguments, {"activation": own, "rate": rate})
        assert reason is not None
        assert "dropout or a residual follows" in reason
    assert dense.unsupported(tuple(tensors), {"activation": own}) is None


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("shapes", cases.MATMUL_SHAPES.values(), ids=cases.MATMUL_SHAPES)
def test_matmul(shapes, dtype):
    cases.check_matmul(shapes, dtype, "cpu")


def test_matmul_strided_and_split():
    cases.check_matmul_strided("cpu")
    with runtime.planning_for(MANY):
        cases.check_matmul([(2, 3, 5000), (2, 5000, 4)], "fp32", "cpu")


def test_matmul_reasons():
    a = torch.empty(2, 3, 4)
    assert matmul.unsupported((a, torch.empty(1, 4, 3)), {}) == "leading axes that broadcast"
    assert matmul.unsupported((a, torch.empty(2, 3, 3)), {}) == "shapes do not fit"


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_programs_that_stay(dtype, monkeypatch):
    """Operands through tensor descriptors, more tiles than programs, tiles that reach outside."""
    few = runtime.Target("few", "interpret", 0, 1 << 30, 2, "interpret")
    monkeypatch.setattr(_tiles, "_INTERPRET", _tiles.Tiles(64, 64, 64, 4, 1, persistent=True))
    with runtime.planning_for(few):
        with runtime.recording(few) as launches:
            dense.forward(*cases.dense_arguments((200,), 96, 136, cases.DTYPES[dtype], "cpu"))
        assert [(launch.kernel.fn.__name__, launch.grid) for launch in launches] == [
            ("product_persistent", (2,))
        ]
        cases.check_dense((200,), 96, 136, dtype, "gelu", "cpu")
        cases.check_dense_end((200,), (96, 136), dtype, "relu", "both", "cpu")
        with runtime.recording(few) as launches:
            dense.forward(*cases.dense_arguments((200,), 97, 136, cases.DTYPES[dtype], "cpu"))
        assert [launch.kernel.fn.__name__ for launch in launches] == ["product"]


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
