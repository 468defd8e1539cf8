"""Ops by themselves: loops and branches, what differs from Keras on torch, unknown sizes, errors, traced values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import KerasTensor, Variable, ops
from tkeras.graph import Plan
from tkeras_kernels.expr import trace
from tkeras_kernels.pointwise import pointwise

Tensor = torch.Tensor


def equal(ours: Any, expected: Any, **kwargs: Any) -> None:
    torch.testing.assert_close(ours, torch.as_tensor(expected), check_dtype=False, **kwargs)


def given(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


class TestControl:
    def test_cond(self) -> None:
        for pred in (True, torch.tensor(True), torch.tensor([1])):
            assert ops.cond(pred, lambda: 1, lambda: 2) == 1
        assert ops.cond(torch.tensor(0), lambda: 1, lambda: 2) == 2

    def test_cond_of_a_symbolic_condition(self) -> None:
        x = tkeras.Input(batch_shape=())
        y = ops.cond(x > 0, lambda: ops.ones(3), lambda: ops.zeros(3))
        assert y.shape == (3,)
        run = Plan([x], y).run
        equal(run([torch.tensor(1.0)]), [1.0, 1, 1])
        equal(run([torch.tensor(-1.0)]), [0.0, 0, 0])

    def test_cond_refuses_branches_with_symbolic_tensors(self) -> None:
        x = tkeras.Input(batch_shape=())
        with pytest.raises(ValueError, match=r"Use `tkeras\.ops\.where`"):
            ops.cond(x > 0, lambda: x + 1, lambda: x)

    @pytest.mark.parametrize(("index", "expected"), [(0, 3.0), (1, 2.0), (7, 2.0), (-1, 3.0)])
    def test_switch(self, index: int, expected: float) -> None:
        branches = [lambda a, b: a + b, lambda a, b: a * b]
        assert (
            float(ops.switch(torch.tensor(index), branches, torch.tensor(1.0), torch.tensor(2.0))) == expected
        )

    def test_while_loop(self) -> None:
        state = ops.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (0, 1.0))
        assert [float(value) for value in state] == [5.0, 32.0]
        state = ops.while_loop(
            lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (0, 1.0), maximum_iterations=2
        )
        assert [float(value) for value in state] == [2.0, 4.0]
        assert float(ops.while_loop(lambda x: x < 10, lambda x: x * 3, torch.tensor(1.0))) == 27

    def test_fori_loop(self) -> None:
        assert float(ops.fori_loop(2, 5, lambda i, value: value + i, torch.tensor(0))) == 9

    @pytest.mark.parametrize("reverse", [False, True])
    def test_scan(self, reverse: bool) -> None:
        xs = given(5, 3)
        carry, ys = ops.scan(lambda c, x: (c + x, c * x), torch.zeros(3), xs, reverse=reverse)
        equal(carry, xs.sum(0))
        order = xs.flip(0) if reverse else xs
        before = torch.cat([torch.zeros(1, 3), order.cumsum(0)[:-1]])
        products = before * order
        equal(ys, products.flip(0) if reverse else products)

    def test_scan_of_structures(self) -> None:
        init = {"a": torch.zeros(()), "b": torch.ones(())}
        carry, ys = ops.scan(
            lambda c, x: ({"a": c["a"] + x[0], "b": c["b"] * x[1]}, (c["a"], x[1])),
            init,
            (given(4), given(4)),
        )
        equal(carry["a"], given(4).sum())
        equal(carry["b"], given(4).prod())
        equal(ys[1], given(4))
        carry, ys = ops.scan(lambda c, _: (c + 1, None), torch.tensor(0), length=4)
        assert int(carry) == 4
        assert ys is None

    def test_map(self) -> None:
        equal(ops.map(lambda x: x.sum() * 2, given(4, 3)), given(4, 3).sum(1) * 2)

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_associative_scan(self, size: int, reverse: bool, axis: int) -> None:
        x = given(*((size, 2) if axis == 0 else (2, size)))
        flip = (lambda t: t.flip(axis)) if reverse else (lambda t: t)
        equal(ops.associative_scan(torch.add, x, reverse, axis), flip(flip(x).cumsum(axis)))
        pair = ops.associative_scan(
            lambda a, b: [a[0] * b[0], torch.maximum(a[1], b[1])], [x, x], reverse, axis
        )
        equal(pair[0], flip(flip(x).cumprod(axis)))
        equal(pair[1], flip(flip(x).cummax(axis).values))

    def test_vectorized_map(self) -> None:
        x, y = given(4, 3), given(4, 3) + 1
        equal(ops.vectorized_map(lambda row: row.max() - row.min(), x), x.amax(1) - x.amin(1))
        equal(ops.vectorized_map(lambda rows: rows[0] @ rows[1], (x, y)), (x * y).sum(1))

    def test_loops_on_symbolic_tensors(self) -> None:
        x = tkeras.Input((5, 3))
        _, y = ops.scan(lambda c, one: (c + one, c + one), ops.zeros((3,)), x[0])
        assert y.shape == (5, 3)
        assert ops.map(lambda one: ops.sum(one, axis=0), x).shape == (None, 3)
        assert ops.while_loop(lambda a: ops.any(a > 0), lambda a: a - 1, x).shape == (None, 5, 3)
        assert ops.fori_loop(0, 3, lambda i, a: a + i, x).shape == (None, 5, 3)
        assert ops.vectorized_map(lambda one: ops.sum(one), x).shape == (None,)

    def test_custom_gradient(self) -> None:
        @ops.custom_gradient
        def doubled(x: Tensor, factor: float) -> Any:
            return x * factor, lambda x, factor, upstream: upstream * 100

        x = given(3).requires_grad_()
        y = doubled(x, 2.0)
        equal(y.detach(), x.detach() * 2)
        y.sum().backward()
        equal(x.grad, [100.0] * 3)
        symbol = tkeras.Input((3,))
        assert doubled(symbol, 2.0).shape == (None, 3)

    def test_custom_gradient_needs_a_gradient(self) -> None:
        with pytest.raises(ValueError, match="gradient function"):
            ops.custom_gradient(lambda x: x)(given(3))

    @pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch.func imports it
    def test_jvp(self) -> None:
        x, tangent = given(3), torch.ones(3)
        value, derivative = ops.jvp(torch.sin, (x,), (tangent,))
        equal(value, x.sin())
        equal(derivative, x.cos())
        *_, aux = ops.jvp(lambda x: (x.sin(), x.sum()), (x,), (tangent,), has_aux=True)
        equal(aux, x.sum())


class TestVectorize:
    def test_elements(self) -> None:
        a, b = given(4, 1), given(3)
        equal(
            ops.vectorize(lambda x, y: torch.where(x > y, x - y, x + y))(a, b),
            torch.where(a > b, a - b, a + b),
        )

    def test_signature(self) -> None:
        a, b = given(2, 1, 4, 3), given(5, 3)
        equal(
            ops.vectorize(torch.mv, signature="(m,n),(n)->(m)")(a, b),
            torch.einsum("bxmn,xn->bxm", a.expand(2, 5, 4, 3), b),
        )

    def test_excluded(self) -> None:
        def power(x: Tensor, n: int, *, offset: float = 0.0) -> Tensor:
            assert isinstance(n, int)
            return x**n + offset

        equal(ops.vectorize(power, excluded={1, "offset"})(given(3), 2, offset=1.0), given(3) ** 2 + 1)

    def test_wrong_sizes(self) -> None:
        with pytest.raises(ValueError, match="everywhere"):
            ops.vectorize(torch.dot, signature="(n),(n)->()")(given(3), given(4))
        with pytest.raises(ValueError, match="signature"):
            ops.vectorize(torch.dot, signature="n,n")

    def test_symbolic(self) -> None:
        assert ops.vectorize(lambda x: x + 1)(tkeras.Input((3,))).shape == (None, 3)


class TestWhereKerasOnTorchDiffers:
    """Results by Keras' own documentation, numpy or the other backends; see the docstrings."""

    @pytest.mark.parametrize(
        "name", ["maximum", "minimum", "floor_divide", "matmul", "arctan2", "logaddexp", "hypot"]
    )
    def test_64_bits_stay(self, name: str) -> None:
        x = torch.full((2, 2), 2.0**40, dtype=torch.float64)
        assert getattr(ops, name)(x, x).dtype is torch.float64

    @pytest.mark.parametrize("name", ["cumsum", "prod", "cumprod", "maximum", "dot"])
    def test_large_integers_stay(self, name: str) -> None:
        x = torch.tensor([2**40])
        found = getattr(ops, name)(x, x if name in ("maximum", "dot") else None)
        assert found.dtype is torch.int64

    @pytest.mark.parametrize(
        "name", ["sum", "max", "min", "amax", "mean", "prod", "var", "argmax", "all", "any"]
    )
    def test_keepdims_over_all_axes(self, name: str) -> None:
        assert getattr(ops, name)(given(2, 3), keepdims=True).shape == (1, 1)

    @pytest.mark.parametrize(
        ("width", "mode"),
        [
            (2, "constant"),
            (((1, 2),), "edge"),
            (((1, 2), (3, 0)), "symmetric"),
            (((4, 5), (2, 2)), "reflect"),
            (((2, 1), (0, 4)), "wrap"),
        ],
    )
    def test_pad(self, width: Any, mode: str) -> None:
        for x in (given(3, 4), torch.arange(12).reshape(3, 4)):
            equal(ops.pad(x, width, mode), np.pad(x.numpy(), width, mode))

    def test_average(self) -> None:
        x, column, full = given(3, 4), torch.tensor([1.0, 2.0, 4.0]), given(3, 4).abs()
        equal(ops.average(x, 0, column), np.average(x, 0, column), rtol=1e-5, atol=1e-6)
        for axis in (0, 1, None):
            equal(ops.average(x, axis, full), np.average(x, axis, full), rtol=1e-5, atol=1e-6)

    def test_count_nonzero(self) -> None:
        x = (given(2, 3, 4) > 0).int()
        equal(ops.count_nonzero(x, axis=0), np.count_nonzero(x, 0))

    def test_repeat(self) -> None:
        for repeats in ([1, 0, 2], torch.tensor([1, 0, 2]), np.array([1, 0, 2])):
            equal(ops.repeat(given(3, 2), repeats, axis=0), np.repeat(given(3, 2).numpy(), [1, 0, 2], 0))
        assert ops.repeat(tkeras.Input((3, 2)), [1, 0, 2], axis=1).shape == (None, 3, 2)

    @pytest.mark.parametrize("axis", [-1, 0, None])
    def test_argpartition(self, axis: int | None) -> None:
        x = given(5, 6)
        order = ops.argpartition(x, 2, axis)
        assert order.dtype is torch.int32
        picked = x.flatten()[order.long()] if axis is None else x.gather(axis, order.long())
        smallest, rest = (
            picked.narrow(axis or 0, 0, 3),
            picked.narrow(axis or 0, 3, picked.shape[axis or 0] - 3),
        )
        assert bool((smallest.amax(axis or 0) <= rest.amin(axis or 0)).all())

    def test_cross(self) -> None:
        a, b = given(3, 5, 3), given(3, 5, 3) + 1
        equal(ops.cross(a, b), np.cross(a, b), rtol=1e-5, atol=1e-6)
        equal(ops.cross(a, b, axisa=0, axisb=0, axisc=1), np.cross(a, b, 0, 0, 1), rtol=1e-5, atol=1e-6)
        equal(ops.cross(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])), -1.0)

    def test_linspace_along_an_axis(self) -> None:
        low, high = given(2), given(2) + 3
        for name in ("linspace", "logspace"):
            for endpoint in (True, False):
                ours = getattr(ops, name)(low, high, 5, endpoint, axis=1)
                equal(
                    ours,
                    getattr(np, name)(low.numpy(), high.numpy(), 5, endpoint=endpoint, axis=1),
                    rtol=1e-5,
                    atol=1e-5,
                )
        equal(ops.geomspace([1.0, 2.0], [16.0, 32.0], 5, axis=1), np.geomspace([1, 2], [16, 32], 5, axis=1))

    @pytest.mark.parametrize("axis", [0, 1, (0, 2)])
    def test_normalization_over_any_axis(self, axis: Any) -> None:
        x = given(4, 5, 6).double()
        mean, variance = x.mean(axis, keepdim=True), x.var(axis, correction=0, keepdim=True)
        equal(ops.layer_normalization(x, axis=axis, epsilon=1e-3), (x - mean) / (variance + 1e-3).sqrt())
        equal(
            ops.rms_normalization(x, axis=axis, epsilon=1e-3),
            x / (x.square().mean(axis, keepdim=True) + 1e-3).sqrt(),
        )

    def test_layer_normalization_by_the_deviation_alone(self) -> None:
        x, gamma = given(4, 5), given(5)
        expected = x / (x.var(1, correction=0, keepdim=True) + 1e-3).sqrt() * gamma
        equal(ops.layer_normalization(x, gamma, epsilon=1e-3, rms_scaling=True), expected)

    def test_one_hot_of_what_is_no_class(self) -> None:
        equal(ops.one_hot(torch.tensor([-1, 0, 2, 3]), 3), [[0, 0, 0], [1, 0, 0], [0, 0, 1], [0.0, 0, 0]])

    def test_attention_of_a_query_that_sees_nothing(self) -> None:
        q, k, v = (given(1, 3, 2, n).requires_grad_() for n in (4, 4, 4))
        y = ops.dot_product_attention(q, k, v, mask=torch.zeros(1, 1, 3, 3))
        equal(y.detach(), v.detach().mean(1, keepdim=True).expand(1, 3, 2, 4))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / 2 - 2e38
        expected = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v)
        weight = given(1, 3, 2, 4)
        gradients = torch.autograd.grad((y * weight).sum(), (q, k, v))
        for found, exact in zip(
            gradients, torch.autograd.grad((expected * weight).sum(), (q, k, v)), strict=True
        ):
            equal(found, exact)

    def test_attention_with_bias_and_causal(self) -> None:
        q, k, v, bias = given(1, 3, 2, 4), given(1, 3, 2, 4) + 1, given(1, 3, 2, 4), given(2, 3, 3)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / 2 + bias
        scores = scores.masked_fill(~torch.ones(3, 3).bool().tril(), -torch.inf)
        expected = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v)
        equal(ops.dot_product_attention(q, k, v, bias=bias, is_causal=True), expected)
        equal(ops.dot_product_attention(q, k, v, bias=bias, is_causal=True, flash_attention=False), expected)

    def test_beam_search_merges_alignments(self) -> None:
        """Every label sequence of three steps and three classes, summed over its alignments."""
        logits = given(1, 3, 3)
        p = logits.softmax(-1)[0]
        totals: dict[tuple[int, ...], float] = {}
        for path in np.ndindex(3, 3, 3):
            merged = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
            key = tuple(c for c in merged if c != 0)
            totals[key] = totals.get(key, 0.0) + float(p[0, path[0]] * p[1, path[1]] * p[2, path[2]])
        best = sorted(totals.items(), key=lambda item: -item[1])[:4]
        paths, scores = ops.ctc_decode(logits, [3], strategy="beam_search", top_paths=4)
        assert [tuple(row[row >= 0].tolist()) for row in paths[:, 0]] == [key for key, _ in best]
        equal(scores[0].exp(), [total for _, total in best])


class TestImages:
    def test_map_coordinates_at_the_elements(self) -> None:
        x = given(4, 5)
        grid = torch.stack(torch.meshgrid(torch.arange(4.0), torch.arange(5.0), indexing="ij"))
        for order in (0, 1):
            equal(ops.image.map_coordinates(x, grid, order), x)

    def test_affine_transform_leaves_its_arguments(self) -> None:
        transform = torch.tensor([[1.0, 0, 2, 0, 1, 1, 0, 0]])
        before = transform.clone()
        images = given(1, 4, 5, 2)
        moved = ops.image.affine_transform(images, transform)
        equal(transform, before)
        equal(moved[0, :3, :3], images[0, 1:, 2:])
        equal(ops.image.affine_transform(images[0], transform[0]), moved[0])

    def test_affine_transform_is_projective(self) -> None:
        images = given(1, 6, 6, 1)
        corners = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [4.0, 4.5]])
        start = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
        from tkeras.ops._warp import _homography

        transform = _homography(start[None], corners[None])
        equal(
            ops.image.affine_transform(images, transform),
            ops.image.perspective_transform(images, start, corners),
        )

    def test_elastic_transform(self) -> None:
        images = given(2, 8, 9, 3)
        moved = ops.image.elastic_transform(images, seed=3)
        equal(ops.image.elastic_transform(images, seed=3), moved)
        assert not torch.equal(ops.image.elastic_transform(images, seed=4), moved)
        equal(ops.image.elastic_transform(images, alpha=0.0), images)
        assert ops.image.elastic_transform(tkeras.Input((8, 9, 3))).shape == (None, 8, 9, 3)
        first = ops.image.elastic_transform(images.movedim(-1, 1), seed=3, data_format="channels_first")
        equal(first.movedim(1, -1), moved)

    def test_gaussian_blur_along_height_and_width(self) -> None:
        images = torch.zeros(1, 7, 7, 1)
        images[0, 3, 3, 0] = 1
        blurred = ops.image.gaussian_blur(images, (5, 3), (2.0, 0.5))[0, :, :, 0]
        assert float(blurred[1, 3]) > 0
        assert float(blurred[3, 1]) == 0
        equal(blurred.sum(), 1.0)

    @pytest.mark.parametrize("interpolation", ["lanczos3", "lanczos5"])
    def test_resize_with_lanczos(self, interpolation: str) -> None:
        images = torch.full((1, 8, 6, 2), 0.3)
        equal(
            ops.image.resize(images, (13, 4), interpolation, antialias=True), torch.full((1, 13, 4, 2), 0.3)
        )

    @pytest.mark.parametrize(
        "kwargs",
        [{"top_padding": 1}, {"top_padding": -1, "bottom_padding": 1, "left_padding": 0, "right_padding": 0}],
    )
    def test_pad_images_refuses(self, kwargs: Any) -> None:
        with pytest.raises(ValueError, match="Received"):
            ops.image.pad_images(given(1, 4, 4, 1), **kwargs)


class TestUnknownSizes:
    @pytest.mark.parametrize(
        ("shape", "call", "expected"),
        [
            ((None, 3), lambda x: ops.reshape(x, (-1, 2)), (None, 2)),
            ((None, 4), lambda x: ops.reshape(x, (2, 6)), (2, 6)),
            ((None, 4), lambda x: ops.broadcast_to(x, (5, 4)), (5, 4)),
            ((None, 4), lambda x: ops.diag(x), (None,)),
            ((2, None, 4), lambda x: ops.rearrange(x, "a (b c) d -> a b (c d)", c=3), (2, None, 12)),
            ((2, None, 6, 3), lambda x: ops.space_to_depth(x, 2), (2, None, 3, 12)),
            ((None, 5), lambda x: ops.nonzero(x), (2, None)),
            ((None, 5), lambda x: ops.segment_sum(x, np.zeros(83), num_segments=4), (4, 5)),
            ((5, None), lambda x: ops.glu(x), (5, None)),
        ],
    )
    def test_one_result(self, shape: Any, call: Any, expected: Any) -> None:
        assert call(tkeras.Input(batch_shape=shape)).shape == expected

    @pytest.mark.parametrize("name", ["split", "array_split"])
    def test_split(self, name: str) -> None:
        parts = getattr(ops, name)(tkeras.Input(batch_shape=(None, 4)), 2)
        assert [part.shape for part in parts] == [(None, 4)] * 2

    def test_unstack(self) -> None:
        x = tkeras.Input(batch_shape=(None, 4))
        assert [part.shape for part in ops.unstack(x, 3)] == [(4,)] * 3
        with pytest.raises(ValueError, match="needs `num`"):
            ops.unstack(x)

    def test_unique(self) -> None:
        x = tkeras.Input(batch_shape=(None,), dtype="int32")
        values, counts = ops.unique(x, return_counts=True)
        assert (values.shape, values.dtype, counts.dtype) == ((None,), "int32", "int64")


class TestRecording:
    def test_a_node_has_the_name_of_the_op(self) -> None:
        y = ops.mean(tkeras.Input((3, 4)), axis=1)
        operation = y._keras_history.operation
        assert operation.name.startswith("mean")
        assert operation.function is ops.mean
        assert (ops.mean.__module__, ops.image.resize.__module__) == ("tkeras.ops", "tkeras.ops.image")

    def test_ops_inside_ops_add_no_nodes(self) -> None:
        x = tkeras.Input((3, 4))
        y = ops.allclose(x, x + 1)
        assert len(Plan([x], y).nodes) == 3

    def test_nested_and_keyword_arguments(self) -> None:
        x = tkeras.Input((3,))
        assert ops.concatenate([x, x], axis=1).shape == (None, 6)
        assert isinstance(ops.add(x1=1.0, x2=x), KerasTensor)
        assert isinstance(ops.clip(1.0, 0.0, x_max=x), KerasTensor)

    def test_in_a_model(self) -> None:
        x = tkeras.Input((4,))
        y = ops.softmax(ops.add(ops.matmul(x, torch.ones(4, 3)), 1.0))
        model = tkeras.Model(x, ops.expand_dims(y, 1))
        assert model.output_shape == (None, 1, 3)
        equal(model(torch.ones(2, 4)), torch.full((2, 1, 3), 1 / 3))

    def test_sizes_of_symbolic_tensors(self) -> None:
        x = tkeras.Input((3,), dtype="int32")
        assert (ops.shape(x), ops.ndim(x), ops.dtype(x), ops.is_tensor(x)) == ((None, 3), 2, "int32", False)

    def test_values_of_symbolic_tensors_are_refused(self) -> None:
        with pytest.raises(ValueError, match="symbolic"):
            ops.convert_to_numpy(tkeras.Input((3,)))

    def test_variables(self) -> None:
        variable = Variable([1.0, 2.0])
        y = ops.sum(ops.square(variable))
        y.backward()
        equal(variable.grad, [2.0, 4.0])
        assert type(ops.exp(variable)) is Tensor


UNARY = [
    "abs",
    "cos",
    "erf",
    "exp",
    "expm1",
    "floor",
    "log",
    "log1p",
    "negative",
    "reciprocal",
    "relu",
    "rsqrt",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "tanh",
    "gelu",
    "elu",
]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "power",
    "greater",
    "less",
    "equal",
    "logical_and",
    "logaddexp",
    "divide_no_nan",
]


class TestTraced:
    @pytest.mark.parametrize("name", UNARY)
    def test_one_argument(self, name: str) -> None:
        traced = pointwise(getattr(ops, name))
        assert traced.graph is not None, traced.reason

    @pytest.mark.parametrize("name", BINARY)
    def test_two_arguments(self, name: str) -> None:
        function = getattr(ops, name)
        for call in (function, lambda a, b: function(a, 0.5), lambda a, b: function(0.5, b)):
            trace(call, 2)

    def test_a_composed_function(self) -> None:
        def own(x: Any) -> Any:
            return ops.where(
                x > 0, ops.clip(x, 0.1, 2) * 2.0, ops.cast(x < -1, "float32") - ops.maximum(x, -0.5)
            )

        traced = pointwise(own)
        assert traced.graph is not None, traced.reason

    def test_a_stopped_gradient_is_not_traced(self) -> None:
        assert pointwise(lambda x: x * ops.stop_gradient(x)).graph is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.zeros(2, bogus=1), "bogus"),
        (lambda: ops.mean(given(2), axes=1), "axes"),
        (lambda: ops.max(torch.zeros(0)), "empty"),
        (lambda: ops.where(given(2) > 0, given(2)), "both"),
        (lambda: ops.squeeze(given(2, 3), 0), "Received"),
        (lambda: ops.split(given(5), 2), "divisible"),
        (lambda: ops.pad(given(2, 2), ((1, 1),) * 3), "same length"),
        (lambda: ops.pad(given(2, 2), 1, "wrap", 3), "constant_values"),
        (lambda: ops.pad(given(2, 2), 1, "linear"), "mode"),
        (lambda: ops.fabs(torch.complex(given(2), given(2))), "complex"),
        (lambda: ops.rearrange(given(2, 3), "a b -> a c"), "same names"),
        (lambda: ops.rearrange(given(2, 3), "a (b c) -> a b c", c=2), "cannot be split"),
        (lambda: ops.one_hot([0], 2, sparse=True), "sparse"),
        (lambda: ops.convert_to_tensor([0], ragged=True), "ragged"),
        (lambda: ops.scatter_update(given(2), [[0]], [1.0], "div"), "reduction"),
        (lambda: ops.conv(given(1, 4, 4, 3), given(2, 2, 2, 4)), "divisible"),
        (lambda: ops.depthwise_conv(given(1, 4, 4, 3), given(2, 2, 2, 4)), "channels"),
        (lambda: ops.cholesky(-torch.eye(3)), "failed"),
        (lambda: ops.inv(given(2, 3)), "square"),
        (lambda: ops.solve(torch.eye(3), given(4)), "Incompatible"),
        (lambda: ops.fft((given(3), given(4))), "same shape"),
        (lambda: ops.stft(given(9), 8, 2, 4), "fft_length"),
        (lambda: ops.image.resize(given(1, 4, 4, 1), (0, 2)), "positive"),
        (lambda: ops.image.resize(given(1, 4, 4, 1), (2, 2), "area"), "interpolation"),
        (lambda: ops.dot_product_attention(given(2, 3, 4), given(2, 3, 4), given(2, 3, 4)), "4D"),
        (lambda: ops.ctc_decode(given(1, 2, 3), [2], "best"), "strategy"),
        (lambda: ops.saturate_cast(given(2), "float3"), "float3"),
        (lambda: ops.searchsorted(given(2, 2), given(2)), "1-D"),
        (lambda: ops.moments(given(2), 0, synchronized=True), "synchronized"),
    ],
)  # fmt: skip
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        call()


def test_conversion() -> None:
    assert ops.convert_to_tensor(np.array([1, 2], "uint16")).dtype is torch.int32
    assert ops.convert_to_tensor(np.arange(4)[::-1]).tolist() == [3, 2, 1, 0]
    frozen = np.ones(2)
    frozen.setflags(write=False)
    assert ops.convert_to_tensor(frozen).tolist() == [1, 1]
    assert ops.convert_to_tensor([torch.ones(2), [1.0, 2.0]]).shape == (2, 2)
    assert ops.convert_to_numpy(torch.ones(2, dtype=torch.bfloat16, requires_grad=True)).dtype == np.float32
    assert ops.convert_to_numpy([torch.ones(2), 1.0 * np.ones(2)]).shape == (2, 2)


def test_float_types_follow_floatx() -> None:
    before = tkeras.config.floatx()
    try:
        tkeras.config.set_floatx("float16")
        assert ops.convert_to_tensor(1.5).dtype is torch.float16
        assert ops.add(torch.tensor([1]), 1.5).dtype is torch.float16
        assert ops.maximum(torch.tensor([1]), 1.5).dtype is torch.float16
        assert ops.floor(torch.tensor([1])).dtype is torch.float16
        assert ops.zeros(2).dtype is torch.float16
    finally:
        tkeras.config.set_floatx(before)
