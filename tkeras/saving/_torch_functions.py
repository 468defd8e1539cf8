"""The torch functions that files may name: functions of tensors that read and write nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_TORCH = """
    abs absolute acos acosh add addcdiv addcmul addmm all amax amin aminmax any arccos arcsin arctan
    arctan2 argmax
    argmin argsort asin asinh atan atan2 atanh baddbmm bitwise_and bitwise_not bitwise_or bitwise_xor bmm
    broadcast_to
    bucketize cat cdist ceil celu chunk clamp clamp_max clamp_min clip clone complex concat concatenate
    conj cos cosh
    cosine_similarity count_nonzero cross cummax cummin cumprod cumsum deg2rad diag diag_embed diagonal
    diff div divide
    dot einsum eq erf erfc erfinv exp exp2 expand_copy expm1 fix flatten flip fliplr flipud floor
    floor_divide fmax
    fmin fmod frac full_like gather ge gt hstack hypot imag index_select inner isclose isfinite isinf isnan
    kron
    kthvalue le lerp lgamma log log10 log1p log2 log_softmax logaddexp logaddexp2 logcumsumexp logical_and
    logical_not logical_or logical_xor logit logsumexp lt masked_fill masked_select matmul max maximum mean
    median min
    minimum mm mode movedim moveaxis mul multiply mv nan_to_num nanmean nansum narrow ne neg negative norm
    ones_like outer permute pixel_shuffle pixel_unshuffle pow prelu prod quantile rad2deg real reciprocal relu
    remainder renorm repeat_interleave reshape roll rot90 round rsqrt rsub scatter scatter_add searchsorted
    select
    selu sigmoid sign signbit sin sinc sinh slice_copy softmax sort split sqrt square squeeze stack std
    std_mean sub
    subtract sum swapaxes swapdims t take take_along_dim tan tanh tensor_split tensordot tile topk trace
    transpose
    tril triu true_divide trunc unbind unflatten unfold_copy unique unsqueeze var var_mean vdot vstack
    where xlogy
    zeros_like
"""
_FUNCTIONAL = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d
    celu conv1d
    conv2d conv3d cosine_similarity elu gelu glu hardshrink hardsigmoid hardswish hardtanh interpolate l1_loss
    layer_norm leaky_relu linear log_softmax logsigmoid max_pool1d max_pool2d mish mse_loss normalize
    one_hot pad
    pairwise_distance pixel_shuffle relu relu6 selu sigmoid silu smooth_l1_loss softmax softmin softplus
    softshrink
    softsign tanh tanhshrink threshold unfold
"""


def _table() -> dict[str, Callable[..., Any]]:
    found = {f"torch.{name}": getattr(torch, name, None) for name in _TORCH.split()}
    functional = torch.nn.functional
    found |= {f"torch.nn.functional.{name}": getattr(functional, name, None) for name in _FUNCTIONAL.split()}
    return {name: function for name, function in found.items() if callable(function)}


_FUNCTIONS = _table()
_NAMES = {function: name for name, function in reversed(_FUNCTIONS.items())}


def torch_name(function: Any) -> str | None:
    """The name of a function in files, None if it has none."""
    return _NAMES.get(function) if callable(function) and hasattr(function, "__hash__") else None


def torch_function(name: str) -> Callable[..., Any]:
    """The function of a name.

    Raises:
        ValueError: it is not one of those that files may name.
    """
    if name not in _FUNCTIONS:
        raise ValueError(f"{name!r} is not among the torch functions that files may name.")
    return _FUNCTIONS[name]
