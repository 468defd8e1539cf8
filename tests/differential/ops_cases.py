"""Calls of ops with which ours and those of real Keras are compared: one line a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

EVERY = ("float32", "float16", "bfloat16", "int32", "int8", "uint8", "bool", "int64", "float64")
FLOATS = ("float32", "float16", "bfloat16", "float64")
INTS = ("int32", "int8", "uint8", "int64")
SINGLE = ("float32",)


def normal(*shape: int, seed: int = 0, scale: float = 2.0) -> torch.Tensor:
    """Float32 numbers that are no integers."""
    generator = torch.Generator().manual_seed(sum(shape) + 97 * seed)
    return torch.randn(shape, generator=generator) * scale


def positive(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers from 0.1."""
    return normal(*shape, seed=seed).abs() + 0.1


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers within (0, 1)."""
    return torch.sigmoid(normal(*shape, seed=seed))


def ints(high: int, *shape: int, seed: int = 0, low: int = 0) -> torch.Tensor:
    """Int32 numbers of [low, high)."""
    generator = torch.Generator().manual_seed(sum(shape) + 89 * seed)
    return torch.randint(low, high, shape, generator=generator, dtype=torch.int32)


def holes(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers with NaN among them."""
    x = normal(*shape, seed=seed)
    return torch.where(x > 1.5, torch.nan, x)


def spd(*shape: int, seed: int = 0) -> torch.Tensor:
    """Positive definite matrices."""
    x = normal(*shape, seed=seed)
    return x @ x.mT + 3 * torch.eye(shape[-1])


@dataclass
class Case:
    """One call.

    Attributes:
        name: of the op, ``image.resize`` for one of a submodule.
        args: tensors are cast to each element type of ``dtypes``, except those of ``keep``.
        dtypes: element types to try; those that real Keras refuses are left out.
        keep: positions that keep their type.
        symbolic: whether the call is also made on symbolic tensors.
        batch: whether also with an unknown first size.
        loose: factor on the tolerance.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = SINGLE
    keep: tuple[int, ...] = ()
    symbolic: bool = True
    batch: bool = True
    loose: float = 1.0

    def __str__(self) -> str:
        def text(value: Any) -> str:
            return f"{[*value.shape]}" if isinstance(value, torch.Tensor) else str(value)

        shown = [*map(text, self.args), *(f"{key}={text(value)}" for key, value in self.kwargs.items())]
        return f"{self.name}({', '.join(shown)})"


def case(
    name: str,
    *args: Any,
    dtypes: Any = SINGLE,
    keep: Any = (),
    symbolic: bool = True,
    batch: bool = True,
    loose: float = 1,
    **kwargs: Any,
) -> Case:
    """A call of one op."""
    return Case(name, args, kwargs, dtypes, keep, symbolic, batch, loose)


def cases(names: str, *args: Any, **kwargs: Any) -> list[Case]:
    """The same call of several ops."""
    return [case(name, *args, **kwargs) for name in names.split()]


x, y, z = normal(3, 4), normal(3, 4, seed=1), normal(2, 3, 5)
row = normal(4, seed=3)

POINTWISE = [
    *cases(
        "abs absolute angle arcsinh arctan cbrt ceil copy cos cosh deg2rad erf erfc exp exp2 expm1 fabs floor i0 isfinite "
        "isinf isnan isneginf isposinf isreal logical_not negative rad2deg ravel real reciprocal round sign signbit sin "
        "sinc sinh square tan tanh trunc nan_to_num conj conjugate",
        x,
        dtypes=EVERY,
    ),
    *cases("log log10 log1p log2 sqrt rsqrt", positive(3, 4), dtypes=EVERY),
    *cases("arccos arcsin arctanh erfinv", unit(3, 4), dtypes=EVERY),
    case("arccosh", positive(3, 4) + 1, dtypes=EVERY),
    *cases("bitwise_not bitwise_invert", ints(9, 3, 4), dtypes=("int32", "int8", "uint8", "bool", "int64")),
    *cases("isnan isinf isfinite isneginf isposinf nan_to_num", torch.tensor([1.0, torch.nan, torch.inf, -torch.inf])),
    case("nan_to_num", torch.tensor([1.0, torch.nan, torch.inf, -torch.inf]), nan=2.0, posinf=3.0, neginf=-3.0),
    case("round", x, decimals=1, dtypes=FLOATS),
    case("round", ints(999, 3, 4), decimals=0, dtypes=INTS),
    case("clip", x, -1, 1, dtypes=EVERY),
    case("clip", x, -0.5, 0.5, dtypes=EVERY),
    case("clip", x, normal(4, seed=8) - 2, 1.5, keep=(1,)),
    case("round", torch.tensor([0.5, 1.5, 2.5, -0.5])),
    *cases("imag real angle conj conjugate abs isreal", torch.complex(x, y)),
    *cases(
        "relu relu6 silu swish selu log_sigmoid hard_sigmoid hard_silu hard_swish hard_tanh sigmoid softplus softsign "
        "sparse_plus sparse_sigmoid tanh_shrink leaky_relu elu celu gelu hard_shrink soft_shrink squareplus",
        x,
        dtypes=FLOATS,
    ),
    case("relu", ints(9, 3, 4, low=-8), dtypes=INTS),
    case("leaky_relu", x, negative_slope=0.4),
    case("elu", x, alpha=0.7),
    case("celu", x, alpha=0.7),
    case("gelu", x, approximate=False),
    case("hard_shrink", x, threshold=0.9),
    case("soft_shrink", x, threshold=0.9),
    case("squareplus", x, b=2.0),
    case("threshold", x, 0.3, -1.0),
    case("glu", x),
    case("glu", normal(4, 3), axis=0),
    *[case(name, z, axis=axis, dtypes=FLOATS) for name in ("softmax", "log_softmax") for axis in (-1, 1, None, (1, 2))],
    case("saturate_cast", x * 200, "uint8"),
    case("saturate_cast", x * 200, "int8", dtypes=("float32", "float16", "int32")),
    case("saturate_cast", x * 1e6, "float16"),
    case("saturate_cast", ints(300, 3, 4, low=-300), "uint8", dtypes=INTS),
    case("saturate_cast", x, "bool"),
    *[case("cast", x, name, dtypes=EVERY) for name in ("int32", "float16", "bool", "float64", "uint8")],
    case("view", x, "int32"),
    case("view", ints(5, 3, 4), "float32"),
    case("view_as_complex", normal(3, 2)),
    case("view_as_real", torch.complex(x, y)),
    case("polar", positive(3, 4), normal(3, 4)),
    case("convert_to_tensor", x, dtypes=EVERY),
    case("convert_to_tensor", x, dtype="float16"),
    case("array", x, dtypes=EVERY),
    case("stop_gradient", x),
]  # fmt: skip

ARITHMETIC = [
    *cases(
        "add subtract multiply divide true_divide divide_no_nan arctan2 equal not_equal greater greater_equal less less_equal "
        "logical_and logical_or logical_xor logaddexp logaddexp2 maximum minimum fmax fmin hypot heaviside isclose allclose "
        "nextafter",
        x,
        y,
        dtypes=EVERY,
    ),
    *cases("floor_divide mod fmod", ints(20, 3, 4, low=-20), ints(9, 3, 4, low=1), dtypes=EVERY),
    *cases("gcd lcm", ints(20, 3, 4), ints(9, 3, 4), dtypes=INTS),
    *cases("bitwise_and bitwise_or bitwise_xor", ints(9, 3, 4), ints(7, 3, 4, seed=1), dtypes=(*INTS, "bool")),
    *cases("bitwise_left_shift left_shift bitwise_right_shift right_shift", ints(9, 3, 4), ints(3, 3, 4), dtypes=INTS),
    *cases("bitwise_and bitwise_or bitwise_xor bitwise_left_shift right_shift", ints(9, 3, 4), 2, dtypes=INTS),
    *cases("add subtract multiply maximum minimum power equal less where_like".replace(" where_like", ""), x, row, dtypes=FLOATS),
    *cases("add subtract multiply divide maximum minimum equal greater floor_divide mod power arctan2 hypot logaddexp", positive(3, 4), 2, dtypes=EVERY),
    *cases("add subtract multiply divide maximum minimum equal greater", positive(3, 4), 2.5, dtypes=EVERY),
    *cases("add subtract multiply divide maximum minimum equal greater power", 2, positive(3, 4), dtypes=EVERY),
    *cases("add multiply divide maximum less", 2.5, positive(3, 4), dtypes=EVERY),
    *cases("add multiply subtract divide maximum logical_and equal", x, True, dtypes=EVERY),
    *cases("add multiply divide maximum floor_divide mod equal", 7, 2),
    *cases("add multiply divide maximum", 7, 2.5),
    case("power", positive(3, 4), y, dtypes=FLOATS),
    case("power", ints(4, 3, 4), ints(4, 3, 4, seed=1), dtypes=INTS),
    case("ldexp", x, ints(4, 3, 4), keep=(1,), dtypes=EVERY),
    case("isclose", x, x + 1e-3, rtol=1e-3, atol=1e-3),
    case("allclose", x, x + 1e-6, rtol=1e-3, atol=1e-3),
    case("isclose", torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan]), equal_nan=True),
    case("divide_no_nan", x, torch.tensor([0.0, 1.0, 0.0, 2.0])),
    case("where", x > 0, x, y, keep=(0,), dtypes=EVERY),
    case("where", x > 0, 1, 0),
    case("where", x > 0, x, 0.0, keep=(0,), dtypes=EVERY),
    case("where", x > 0, 2, x, keep=(0,), dtypes=EVERY),
    case("where", x > 0),
    case("select", [x > 0, x > -1], [x, y], 7.0),
]  # fmt: skip

AXES = [{}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"axis": ()}]
REDUCE = [
    *[
        case(name, z, dtypes=EVERY, **axes)
        for name in ("sum", "mean", "max", "min", "amax", "amin", "all", "any", "var", "std", "prod")
        for axes in AXES
        if name != "std" or axes.get("axis") != ()  # real Keras reduces over all axes there
    ],
    *[case(name, z, dtypes=EVERY, **axes) for name in ("median", "logsumexp", "ptp") for axes in AXES[:4]],
    *[case(name, z, dtypes=EVERY, **axes) for name in ("argmax", "argmin") for axes in AXES[:3]],
    *[case(name, holes(2, 3, 5), dtypes=FLOATS, **axes) for name in ("nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanmedian") for axes in AXES[:4]],
    *[case(name, ints(9, 2, 3, 5), dtypes=(*INTS, "bool"), axis=1) for name in ("nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd")],
    *[case(name, holes(2, 3, 5), **axes) for name in ("nanargmax", "nanargmin") for axes in AXES[1:3]],
    *[case(name, z, dtypes=EVERY, axis=axis) for name in ("cumsum", "cumprod") for axis in (None, 0, -1)],
    *[case(name, holes(2, 3, 5), axis=axis) for name in ("nancumsum", "nancumprod") for axis in (None, 0, -1)],
    case("cumsum", z, axis=1, dtype="float16"),
    case("prod", z, axis=1, dtype="float64"),
    case("max", z, axis=1, initial=1.0),
    case("min", z, initial=-1.0),
    case("count_nonzero", ints(2, 3, 4), dtypes=EVERY),
    case("count_nonzero", ints(2, 3, 4), axis=1),
    case("average", z, axis=-1, weights=unit(5)),
    case("average", z, axis=1, dtypes=EVERY),
    case("average", z),
    *[case(name, z, q, dtypes=FLOATS, **axes) for name in ("quantile", "nanquantile") for q in (0.3, torch.tensor([0.1, 0.5])) for axes in AXES[:4]],
    *[case("quantile", x, 0.3, axis=1, method=method) for method in ("linear", "lower", "higher", "midpoint", "nearest")],
    case("percentile", x, 30, axis=1),
    case("nanpercentile", holes(3, 4), 30.0, axis=1),
    case("percentile", ints(9, 3, 4), 30, axis=1),
    case("trapezoid", x, dtypes=EVERY),
    case("trapezoid", x, dx=0.5, axis=0),
    case("trapezoid", x, row),
    *[case("trace", z, dtypes=EVERY, **axes) for axes in ({}, {"offset": 1, "axis1": 1, "axis2": 2})],
    case("diff", x),
    case("diff", z, n=2, axis=1),
    case("moments", z, [0, 1], dtypes=FLOATS, loose=4),
    case("moments", z, 1, keepdims=True, loose=4),
]  # fmt: skip

SHAPE = [
    case("reshape", z, (6, 5), dtypes=("float32", "int32", "bool")),
    case("reshape", z, (3, -1)),
    case("reshape", z, -1),
    case("transpose", z),
    case("transpose", z, (1, 0, 2)),
    case("swapaxes", z, 0, 2),
    case("moveaxis", z, 0, -1),
    case("moveaxis", z, [0, 1], [-1, 0]),
    case("expand_dims", z, 1),
    case("expand_dims", z, (0, -1)),
    case("squeeze", normal(1, 3, 1)),
    case("squeeze", normal(2, 3, 1), -1),
    case("squeeze", normal(1, 3, 1), (0, 2), batch=False),
    case("broadcast_to", normal(1, 4), (3, 4)),
    case("flip", z),
    case("flip", z, 1),
    case("flip", z, (0, 2)),
    *cases("fliplr flipud", z),
    case("roll", z, 2),
    case("roll", z, 2, axis=1),
    case("roll", z, (1, 2), axis=(0, 1)),
    case("rot90", z),
    case("rot90", z, k=-1, axes=(1, 2)),
    case("concatenate", [x, y], axis=1),
    case("concatenate", [x, y]),
    case("append", x, y),
    case("append", x, y, axis=1),
    case("stack", [x, y]),
    case("stack", [x, y], axis=-1),
    *cases("hstack vstack dstack", [x, y]),
    case("unstack", z, batch=False),
    case("unstack", z, 3, 1),
    case("split", z, 3, axis=1),
    case("split", z, [1, 3], axis=2),
    case("array_split", z, 2, axis=1),
    case("hsplit", normal(2, 4, 3), 2),
    case("vsplit", normal(4, 3), [1, 2]),
    case("dsplit", normal(2, 3, 4), 2),
    case("repeat", z, 2, axis=1),
    case("repeat", z, 2),
    case("tile", z, 2),
    case("tile", z, (2, 1, 3)),
    case("meshgrid", row, normal(3)),
    case("meshgrid", row, normal(3), indexing="ij"),
    case("pad", z, ((1, 2), (0, 1), (2, 0)), dtypes=("float32", "int32", "bool")),
    case("pad", x, ((1, 1), (2, 2)), constant_values=7.0),
    case("pad", z, ((0, 0), (1, 2), (3, 1)), mode="reflect"),
    case("tril", x),
    case("triu", x, 1),
    case("tril", z, -1),
    case("diag", row),
    case("diag", row, 1),
    case("diag", x, -1),
    case("diagflat", x, 1),
    case("diagonal", z, 1),
    case("diagonal", z, 0, 1, 2),
    case("vander", row),
    case("vander", row, 3, increasing=True),
    case("zeros_like", x, dtypes=EVERY),
    case("ones_like", x, dtypes=EVERY),
    case("ones_like", x, dtype="int8"),
    case("full_like", x, 3, dtypes=EVERY),
    case("full_like", x, 3.5, dtype="float16"),
    case("rearrange", normal(2, 6, 5), "b (h p) c -> b h (p c)", p=2),
    case("rearrange", normal(2, 6, 5), "b h c -> c b h"),
    case("rearrange", normal(2, 6, 5), "b h c -> b (h c)"),
    case("shape", z),
    case("ndim", z),
    case("size", z, symbolic=False),
    case("get_item", z, (0, slice(None), [0, 1])),
]  # fmt: skip

CREATE = [
    *cases("zeros ones", (2, 3)),
    *cases("zeros ones", (2, 3), dtype="int32"),
    *cases("zeros ones", 4),
    case("full", (2, 3), 1.5),
    case("full", (2, 3), 2, dtype="int32"),
    case("full", (2, 4), row),
    case("arange", 5),
    case("arange", 1, 7, 2),
    case("arange", 1.0, 2.0, 0.25),
    case("arange", 5, dtype="float16"),
    case("arange", 0, 5.0),
    case("linspace", 0, 5, 7),
    case("linspace", 0.0, 1.0, 5, endpoint=False),
    case("linspace", 0, 5, num=6, dtype="int32"),
    case("linspace", 0, 1, 5, retstep=True),
    case("linspace", normal(3), normal(3, seed=1), 5),
    case("linspace", 0, 5, 1),
    case("logspace", 0, 2, 5),
    case("logspace", 0, 2, 5, endpoint=False, base=2),
    case("geomspace", 1, 1000, 4),
    case("geomspace", -1.0, -8.0, 4),
    case("eye", 3),
    case("eye", 3, 4, 1),
    case("eye", 4, 2, -1, dtype="int32"),
    case("identity", 3),
    case("identity", 3, dtype="bool"),
    case("tri", 3),
    case("tri", 3, 4, 1),
    *cases("bartlett blackman hamming hanning", 7),
    case("kaiser", 7, 5.0),
    *[case("convert_to_tensor", value) for value in (1, 1.5, True, [1, 2], [1, 2.5], [[True, False]], [[1.5, 2], [3, 4]], [], 2**40)],
    case("convert_to_tensor", [1, 2], dtype="float32"),
    case("array", [[1, 2], [3, 4]], dtype="bfloat16"),
]  # fmt: skip

INDEX = [
    case("take", z, ints(3, 2, 2), axis=1, keep=(1,), dtypes=EVERY),
    case("take", z, ints(9, 4)),
    case("take", x, ints(3, 2, 5), axis=0, keep=(1,), dtypes=EVERY),
    case("take", z, ints(3, 4, low=-3), axis=-2),
    case("take", z, 1, axis=2),
    case("take", x, [0, -1], axis=0),
    case("take_along_axis", z, ints(3, 2, 3, 5), axis=1),
    case("take_along_axis", z, ints(9, 7), symbolic=False),
    case("scatter", ints(4, 5, 1), normal(5, 3), (4, 3)),
    case("scatter", torch.tensor([[0, 1], [2, 0]]), normal(2), (3, 2)),
    case("scatter_update", x, ints(3, 2, 1), normal(2, 4)),
    case("scatter_update", x, torch.tensor([[0, 1], [2, 3], [0, 1]]), normal(3), reduction="add"),
    *[case("scatter_update", x, torch.tensor([[0, 1], [2, 3], [0, 1]]), normal(3), reduction=r) for r in ("max", "min", "mul")],
    *[case("scatter_update", x, torch.tensor([[0], [2], [0]]), normal(3, 4), reduction=r) for r in ("add", "max", "min", "mul")],
    case("slice", z, (0, 1, 2), (2, 2, 3)),
    case("slice", z, torch.tensor([0, 1, 2]), (2, 2, 3)),
    case("slice_update", z, (0, 1, 2), normal(2, 1, 3)),
    case("slice_update", z, torch.tensor([0, 1, 2]), normal(2, 1, 3)),
    case("one_hot", ints(5, 3, 4), 5),
    case("one_hot", ints(5, 3, 4, low=-1), 5, axis=1, dtype="int32"),
    case("one_hot", [0, 2], 3, dtype="bool"),
    case("multi_hot", ints(5, 3, 4), 5),
    case("multi_hot", ints(5, 4), 5),
]  # fmt: skip

ORDER = [
    case("sort", z, dtypes=EVERY),
    case("sort", z, axis=1),
    case("sort", z, axis=None),
    case("argsort", z, dtypes=FLOATS),
    case("argsort", ints(4, 3, 4), axis=0, dtypes=EVERY),
    case("argsort", z, axis=None),
    case("top_k", z, 3),
    case("top_k", ints(99, 3, 9), 2),
    case("in_top_k", ints(4, 3), x, 2, keep=(0,), batch=False),
    case("searchsorted", torch.arange(5.0), normal(3, 2)),
    case("searchsorted", torch.arange(5), ints(6, 3), side="right"),
    case("digitize", x, torch.tensor([-1.0, 0.0, 1.0]), dtypes=EVERY, keep=(1,)),
    case("isin", ints(9, 3, 4), ints(9, 5), dtypes=EVERY),
    case("isin", ints(9, 3, 4), [1, 2], invert=True),
    case("histogram", normal(50), symbolic=False),
    case("histogram", normal(50), bins=4, range=(-1.0, 2.0), symbolic=False),
    case("bincount", ints(6, 20), symbolic=False),
    case("bincount", ints(6, 20), minlength=9, symbolic=False),
    case("bincount", ints(6, 3, 20), weights=unit(3, 20), minlength=9, symbolic=False),
    case("bincount", ints(6, 20), weights=ints(9, 20), symbolic=False),
    case("nonzero", ints(2, 3, 4), symbolic=False),
    case("unique", ints(5, 20), symbolic=False),
    case("unique", ints(5, 20), return_inverse=True, return_counts=True, symbolic=False),
    case("unique", ints(5, 20), return_index=True, size=8, fill_value=-1, return_counts=True, symbolic=False),
    case("unique", ints(2, 6, 2), axis=0, return_inverse=True, symbolic=False),
    case("unique", ints(5, 20), size=3, symbolic=False),
    case("unravel_index", ints(24, 5), (2, 3, 4)),
]  # fmt: skip

PRODUCTS = [
    case("matmul", x, normal(4, 5), dtypes=EVERY),
    case("matmul", z, normal(5, 4)),
    case("matmul", row, normal(4)),
    case("dot", x, normal(4, 5), dtypes=EVERY),
    case("dot", row, normal(4)),
    case("dot", x, 2.0),
    case("inner", x, y, dtypes=EVERY),
    case("vdot", row, normal(4), dtypes=EVERY),
    case("outer", row, normal(3), dtypes=EVERY),
    case("tensordot", z, normal(5, 4), axes=1, dtypes=EVERY),
    case("tensordot", z, normal(3, 2), axes=((0, 1), (1, 0)), batch=False),
    case("tensordot", x, y, axes=(0, 0), batch=False),
    case("kron", x, normal(2, 2), dtypes=EVERY),
    case("cross", normal(4, 3), normal(4, 3, seed=1), dtypes=FLOATS),
    case("einsum", "ij,jk->ik", x, normal(4, 5), dtypes=EVERY),
    case("einsum", "bij,bkj->bik", z, normal(2, 4, 5)),
    case("einsum", "...ij->...ji", z),
    *[case("correlate", normal(7), normal(3), mode=mode, dtypes=EVERY) for mode in ("valid", "same", "full")],
    case("correlate", normal(7), normal(4), mode="same"),
    case("corrcoef", z[0], dtypes=EVERY),
    case("cdist", z, normal(2, 4, 5)),
    case("logdet", spd(2, 3, 3)),
    case("slogdet", normal(2, 3, 3)),
    case("cholesky", spd(2, 3, 3)),
    case("cholesky", spd(2, 3, 3), upper=True),
    case("cholesky_inverse", torch.linalg.cholesky(spd(3, 3)), batch=False),
    case("det", normal(2, 3, 3)),
    case("eigh", spd(2, 3, 3), loose=10),
    case("inv", spd(2, 3, 3), loose=10),
    case("lu_factor", normal(2, 3, 3)),
    *[case("norm", x, ord=ord, axis=axis) for ord, axis in ((None, None), (2, 1), (1, 0), ("fro", (0, 1)), (torch.inf, -1), ("nuc", None))],
    case("norm", z, axis=1, keepdims=True, dtypes=EVERY),
    *cases("qr", z),
    case("qr", z, mode="complete"),
    case("solve", spd(2, 3, 3), normal(2, 3, 4), loose=10, batch=False),
    case("solve", spd(3, 3), normal(3), loose=10, batch=False),
    case("solve_triangular", torch.tril(spd(3, 3)), normal(3, 2), lower=True, batch=False),
    case("solve_triangular", torch.triu(spd(3, 3)), normal(3), batch=False),
    case("svd", z, loose=10),
    case("svd", z, full_matrices=False, loose=10),
    case("svd", z, compute_uv=False),
    case("lstsq", normal(5, 3), normal(5, 2), loose=10),
    case("lstsq", normal(5, 3), normal(5), loose=10),
    case("lstsq", normal(5, 3), normal(5, 2), rcond=1e-4, loose=10),
    case("pinv", normal(5, 3), loose=10),
    case("matrix_rank", normal(2, 5, 3)),
    case("fft", (x, y)),
    *cases("fft2 ifft2", (z, z)),
    case("rfft", x),
    case("rfft", x, 8),
    case("irfft", (x, y)),
    case("irfft", (x, y), fft_length=5),
    case("stft", normal(2, 40), 8, 4, 8),
    case("stft", normal(2, 3, 40), 6, 3, 8, window="hamming", center=False),
    case("stft", normal(40), 6, 3, 8, window=None),
    case("istft", (normal(2, 7, 5), normal(2, 7, 5, seed=1) * 0), 8, 4, 8, loose=10),
    case("istft", (normal(2, 7, 5), normal(2, 7, 5, seed=1)), 8, 4, 8, length=20, loose=10),
    case("istft", (normal(7, 5), normal(7, 5, seed=1) * 0), 6, 3, 8, window="hamming", center=False, loose=10),
    case("extract_sequences", normal(2, 11), 4, 3),
    *[case(f"segment_{kind}", normal(6, 3), torch.tensor([0, 2, 0, 3, -1, 2]), num_segments=4, keep=(1,)) for kind in ("sum", "max", "min", "prod")],
    *[case(f"segment_{kind}", normal(6), torch.tensor([0, 1, 0, 2, 2, 2]), symbolic=False) for kind in ("sum", "max", "min", "prod")],
]  # fmt: skip

image = unit(2, 9, 8, 3)
LAYERS = [
    *[case("conv", normal(2, 9, 8, 4), normal(3, 2, 4, 5), strides=s, padding=p) for s in (1, 2) for p in ("valid", "same")],
    case("conv", normal(2, 9, 8, 4), normal(3, 3, 2, 6), dilation_rate=2),
    case("conv", normal(2, 9, 4), normal(3, 4, 5), padding="SAME"),
    case("conv", normal(2, 4, 9, 8), normal(3, 3, 4, 5), data_format="channels_first"),
    case("conv", normal(1, 5, 6, 4, 2), normal(2, 2, 2, 2, 3)),
    case("depthwise_conv", normal(2, 9, 8, 4), normal(3, 3, 4, 2), padding="same"),
    case("separable_conv", normal(2, 9, 8, 4), normal(3, 3, 4, 2), normal(1, 1, 8, 3), strides=2),
    case("conv_transpose", normal(2, 5, 4, 4), normal(3, 3, 5, 4), strides=2, padding="same"),
    case("conv_transpose", normal(2, 5, 4), normal(3, 5, 4), strides=2),
    *[case(name, image, 3, strides=2, padding="valid") for name in ("max_pool", "average_pool")],
    *[case(name, unit(2, 9, 9, 3), 3, strides=1, padding="same") for name in ("max_pool", "average_pool")],
    case("max_pool", unit(2, 9, 3), 2),
    case("average_pool", unit(2, 3, 8, 8), 2, data_format="channels_first"),
    *[case(f"adaptive_{kind}_pool", image, (3, 4)) for kind in ("average", "max")],
    *[case(f"adaptive_{kind}_pool", unit(2, 9, 3), 4) for kind in ("average", "max")],
    case("adaptive_average_pool", unit(2, 3, 8, 8), 2, data_format="channels_first"),
    case("batch_normalization", z, normal(5), positive(5), -1, dtypes=FLOATS, loose=4),
    case("batch_normalization", z, normal(3), positive(3), 1, offset=normal(3, seed=1), scale=normal(3, seed=2), epsilon=1e-2),
    case("layer_normalization", z, dtypes=FLOATS, loose=10),
    case("layer_normalization", z, normal(5), normal(5, seed=1), epsilon=1e-3),
    case("layer_normalization", z, normal(3, 5), normal(3, 5, seed=1), axis=[1, 2], epsilon=1e-3),
    case("rms_normalization", z, normal(5), dtypes=FLOATS, loose=10),
    case("rms_normalization", z, epsilon=1e-3),
    *[case("normalize", z, axis=axis, order=order) for axis in (-1, 1) for order in (1, 2, 3)],
    case("normalize", x, dtypes=FLOATS, loose=4),
    case("categorical_crossentropy", torch.softmax(x, -1), torch.softmax(y, -1)),
    case("categorical_crossentropy", torch.softmax(x, -1), y, from_logits=True),
    case("categorical_crossentropy", torch.softmax(z, 1), z, from_logits=True, axis=1),
    case("sparse_categorical_crossentropy", ints(4, 3), torch.softmax(y, -1), keep=(0,), batch=False),
    case("sparse_categorical_crossentropy", ints(4, 3, 1), y, from_logits=True),
    case("sparse_categorical_crossentropy", ints(3, 2, 5), z, from_logits=True, axis=1),
    case("binary_crossentropy", unit(3, 4), unit(3, 4, seed=1)),
    case("binary_crossentropy", unit(3, 4), y, from_logits=True),
    case("dot_product_attention", normal(2, 5, 4, 8), normal(2, 7, 4, 8), normal(2, 7, 4, 8, seed=1)),
    case("dot_product_attention", normal(2, 5, 4, 8), normal(2, 5, 2, 8), normal(2, 5, 2, 8, seed=1), is_causal=True),
    case("dot_product_attention", normal(2, 5, 4, 8), normal(2, 7, 4, 8), normal(2, 7, 4, 8, seed=1), mask=normal(2, 1, 5, 7) > 0, scale=0.3, batch=False),
    case("dot_product_attention", normal(2, 5, 4, 8), normal(2, 5, 1, 8), normal(2, 5, 1, 8, seed=1), mask=(normal(2, 1, 5, 5) > -1) | (torch.arange(5) == 0), is_causal=True, symbolic=False),
    case("dot_product_attention", normal(2, 5, 4, 8), normal(2, 7, 4, 8), normal(2, 7, 4, 8, seed=1), bias=normal(2, 4, 5, 7), batch=False),
    case("ctc_loss", ints(5, 3, 4, low=1), normal(3, 9, 5), torch.tensor([4, 2, 3]), torch.tensor([9, 8, 9])),
    case("ctc_decode", normal(3, 9, 5), torch.tensor([9, 8, 4])),
    case("ctc_decode", normal(3, 9, 5), torch.tensor([9, 8, 4]), merge_repeated=False, mask_index=4),
    case("ctc_decode", normal(3, 9, 5), torch.tensor([9, 8, 4]), strategy="beam_search", top_paths=3, beam_width=20),
    case("unfold", unit(2, 3, 8, 7), 3, stride=2),
    case("fold", unit(2, 12, 12), (4, 5), 2),
    case("depth_to_space", unit(2, 3, 4, 8), 2),
    case("depth_to_space", unit(2, 8, 3, 4), 2, data_format="channels_first"),
    case("space_to_depth", unit(2, 4, 6, 3), 2),
    case("space_to_depth", unit(2, 3, 4, 6), 2, data_format="channels_first"),
    case("psnr", unit(2, 4, 4, 3), unit(2, 4, 4, 3, seed=1), 1.0),
]  # fmt: skip

turn = torch.tensor([0.9, 0.1, 0.5, -0.1, 1.1, -0.3, 0.0, 0.0])
square = torch.tensor([[0.0, 0.0], [7.0, 0.0], [0.0, 8.0], [7.0, 8.0]])
IMAGE = [
    *[case("image.resize", image, (5, 11), interpolation=i) for i in ("bilinear", "nearest", "bicubic")],
    case("image.resize", image, (5, 4), antialias=True),
    case("image.resize", image, (5, 11), crop_to_aspect_ratio=True),
    case("image.resize", image, (5, 11), pad_to_aspect_ratio=True, fill_value=0.5),
    case("image.resize", (image * 255).to(torch.uint8), (5, 11), interpolation="bicubic"),
    case("image.resize", image[0], (5, 11)),
    case("image.resize", unit(2, 3, 9, 8), (5, 11), data_format="channels_first", dtypes=("float32", "float16", "bfloat16", "float64")),
    *cases("image.rgb_to_grayscale image.rgb_to_hsv image.hsv_to_rgb", image),
    *cases("image.rgb_to_grayscale image.rgb_to_hsv image.hsv_to_rgb", unit(3, 9, 8), data_format="channels_first", batch=False),
    case("image.rgb_to_grayscale", (image * 255).to(torch.uint8)),
    case("image.pad_images", image, 1, 2, 3, 4),
    case("image.pad_images", image, 1, 2, target_height=12, target_width=12),
    case("image.crop_images", image, 1, 2, 3, 1),
    case("image.crop_images", image[0], bottom_cropping=1, right_cropping=2, target_height=5, target_width=4),
    case("image.extract_patches", image, 3),
    case("image.extract_patches", image, (3, 2), strides=(2, 1), padding="same"),
    case("image.extract_patches", image, 2, strides=1, dilation_rate=2),
    case("image.extract_patches", unit(2, 3, 9, 8), 3, data_format="channels_first"),
    case("image.extract_patches", image[0], 3),
    case("image.extract_patches_3d", unit(1, 6, 5, 4, 2), 2, strides=1),
    case("image.extract_patches", unit(1, 6, 5, 4, 2), (2, 2, 3)),
    *[case("image.map_coordinates", x, positive(2, 5) * 2 - 1, order, fill_mode=mode, fill_value=0.3, batch=False) for order in (0, 1) for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    case("image.map_coordinates", ints(99, 3, 4), positive(2, 5) * 2 - 1, 1, fill_mode="nearest", keep=(0, 1), batch=False),
    *[case("image.affine_transform", image, turn.repeat(2, 1), interpolation=i, fill_mode=m) for i in ("nearest", "bilinear") for m in ("constant", "reflect")],
    case("image.affine_transform", image, torch.stack([turn, turn + torch.tensor([0.1, 0, 0, 0, 0, 0.5, 0, 0])])),
    case("image.affine_transform", unit(3, 9, 8), turn, data_format="channels_first", fill_value=0.5),
    *[case("image.perspective_transform", image, square, square + unit(4, 2), interpolation=i, loose=10, batch=False) for i in ("nearest", "bilinear")],
    case("image.gaussian_blur", image, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format="channels_last"),
    case("image.gaussian_blur", unit(2, 3, 9, 8), kernel_size=(5, 5), sigma=(0.7, 0.7), data_format="channels_first"),
    case("image.sobel_edges", image),
    case("image.sobel_edges", unit(2, 3, 9, 8), data_format="channels_first"),
    case("image.ssim", unit(2, 13, 14, 3), unit(2, 13, 14, 3, seed=1), loose=4),
    case("image.ssim", unit(13, 14, 3), unit(13, 14, 3, seed=1), filter_size=7, max_val=2.0, loose=4),
    *[
        case("image.scale_and_translate", image, (2, 6, 12, 3), torch.tensor([0.6, 1.5]), torch.tensor([0.3, -0.2]), (1, 2), method, antialias=antialias)
        for method in ("linear", "cubic", "lanczos3", "lanczos5")
        for antialias in (True, False)
    ],
]  # fmt: skip

ALL = [*POINTWISE, *ARITHMETIC, *REDUCE, *SHAPE, *CREATE, *INDEX, *ORDER, *PRODUCTS, *LAYERS, *IMAGE]
