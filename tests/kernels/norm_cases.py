"""Numerical checks of the normalizations, for the interpreter's tests and those in tests/gpu."""

from __future__ import annotations

from typing import Any

import torch

from tests.kernels.fused_cases import DTYPES, draw, fused
from tests.kernels.row_cases import check, check_same_bits, far
from tkeras_kernels.operators import (
    Operator,
    batch_norm,
    deviation_norm,
    group_norm,
    layer_norm,
    rms_norm,
    unit_norm,
)

ROW_AXES: list[tuple[tuple[int, ...], int | tuple[int, ...]]] = [
    ((1, 3), -1),
    ((3, 17), -1),
    ((17, 100), -1),
    ((2, 3, 129), -1),
    ((129, 3), -1),
    ((100,), 0),
    ((0, 5), -1),
    ((300, 17), -1),
    ((3, 5000), -1),
    ((3, 5, 100), 1),
    ((2, 5000, 3), 1),
    ((2, 3, 4, 5), (1, 2, 3)),
    ((2, 3, 4, 5), (1, 2)),
    ((2, 3, 4, 5), (3, 1)),
]
"""One value a row is left out: its gradient is rounding alone."""
BATCHES: list[tuple[tuple[int, ...], int]] = [
    ((17, 129), -1),
    ((300, 3), -1),
    ((17, 1), -1),
    ((3, 5, 7, 100), 1),
    ((3, 5, 7, 100), -1),
    ((2, 17, 5, 3), 2),
    ((3, 40, 17), 1),
]
GROUPS: list[tuple[tuple[int, ...], int, int]] = [
    ((3, 5, 7, 12), -1, 3),
    ((3, 12, 5, 7), 1, 4),
    ((2, 6), -1, 2),
    ((3, 40, 16), -1, 1),
    ((2, 17, 5, 3), 2, 5),
    ((3, 40, 100), -1, 100),
    ((0, 4, 4), -1, 2),
]
WIDE_GROUPS: list[tuple[tuple[int, ...], int, int]] = [
    ((2, 3, 5000), -1, 1),
    ((1, 9001, 2), 1, 1),
    ((2, 9000), -1, 2),
]
"""More channels a group than one program joins at once."""
EPSILON = {"epsilon": 1e-2}


class BatchNormOf(Operator):
    """batch_norm with constant moving statistics, whose gradient torch cannot take in training, and a mask."""

    name = batch_norm.name

    def __init__(self, *moving: torch.Tensor, mask: torch.Tensor | None = None) -> None:
        self.moving, self.mask = moving, mask

    def unsupported(self, tensors: Any, attributes: Any) -> str | None:
        return batch_norm.unsupported((*tensors, *self.moving, self.mask), attributes)

    def reference(self, *tensors: Any, **attributes: Any) -> Any:
        wide = tensors[0].dtype == torch.float64
        moving = (m.double() if wide else m for m in self.moving)
        return batch_norm.reference(*tensors, *moving, self.mask, **attributes)

    def forward(self, *tensors: Any, **attributes: Any) -> Any:
        return batch_norm.forward(*tensors, *self.moving, self.mask, **attributes)

    def backward(self, saved: Any, gradients: Any, needs: Any, **attributes: Any) -> Any:
        found = batch_norm.backward(saved, gradients, (*needs, False, False, False), **attributes)
        assert found[3:] == (None, None, None)
        return found[:3]


def moved(shape: tuple[int, ...], dtype: str, device: str) -> torch.Tensor:
    """Numbers around 1 with a standard deviation of 2."""
    return draw(shape, DTYPES[dtype], device, 2.0) + 1


def check_rows(
    shape: tuple[int, ...],
    axis: int | tuple[int, ...],
    dtype: str,
    device: str,
    activation: str = "none",
    parameters: str | None = None,
) -> None:
    """Every normalization of rows; ``parameters`` is their dtype if not that of the input."""
    x = moved(shape, dtype, device)
    axes = sorted(a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis))
    gamma, beta = (draw(tuple(shape[a] for a in axes), DTYPES[parameters or dtype], device) for _ in range(2))
    attributes = {"axis": axis, "activation": fused(activation)} | EPSILON
    check(layer_norm, [x, gamma, beta], attributes)
    check(rms_norm, [x, gamma], attributes)
    check(deviation_norm, [x, gamma], attributes)
    check(unit_norm, [x], attributes | {"epsilon": 1e-12})


def check_short_rows(device: str) -> None:
    """Rows as short as epsilon, on both sides of it, and zeros: no gradient through the length of these."""
    for columns in (17, 5000):
        x = moved((6, columns), "fp32", device)
        x *= torch.tensor([1.0, 1e-3, 1e-4, 1e-6, 1e-12, 0.0], device=device)[:, None] / x.norm(
            dim=1, keepdim=True
        )
        check(unit_norm, [x], {"epsilon": 5e-4})
        check(unit_norm, [x.half()], {"epsilon": 5e-4})


def check_rows_bare(device: str) -> None:
    """Without gamma, beta or both."""
    for shape in ((17, 100), (3, 5000)):
        x, beta = moved(shape, "fp32", device), draw(shape[1:], torch.float32, device)
        for parameters in ((None, beta), (beta, None), ()):
            check(layer_norm, [x, *parameters], {"activation": fused("gelu")} | EPSILON)
        check(rms_norm, [x], EPSILON)
        check(deviation_norm, [x], EPSILON)


def check_rows_layouts(device: str) -> None:
    """Transposed, with gaps, repeated rows, gradients of another layout."""
    for x in (
        moved((100, 17), "fp32", device).t(),
        moved((17, 200), "fp32", device)[:, ::2],
        moved((1, 100), "fp32", device).expand(17, 100),
        moved((4, 3, 100), "fp32", device).transpose(0, 1),
        moved((5, 100, 3, 2), "fp32", device).permute(2, 0, 3, 1),
    ):
        gamma, beta = (draw((200,), torch.float32, device)[::2] for _ in range(2))
        gradient = draw((100, *x.shape[:-1]), torch.float32, device).movedim(0, -1)
        check(
            layer_norm,
            [x, gamma[: x.shape[-1]], beta[: x.shape[-1]]],
            EPSILON,
            [gradient[..., : x.shape[-1]]],
        )
        check(deviation_norm, [x, gamma[: x.shape[-1]]], EPSILON, [gradient[..., : x.shape[-1]]])
        check(unit_norm, [x], {}, [gradient[..., : x.shape[-1]]])


def check_batch(
    shape: tuple[int, ...], axis: int, dtype: str, device: str, training: bool, activation: str = "none"
) -> None:
    x = moved(shape, dtype, device)
    channels = shape[axis]
    gamma, beta, mean = (draw((channels,), torch.float32, device) for _ in range(3))
    operator = BatchNormOf(mean, draw((channels,), torch.float32, device).abs() + 0.5)
    attributes = {"axis": axis, "training": training, "activation": fused(activation), "momentum": 0.8}
    check(operator, [x, gamma, beta], attributes | EPSILON)


def check_masked_batch(
    shape: tuple[int, ...], axis: int, dtype: str, device: str, activation: str = "none"
) -> None:
    """Statistics of about half the rows, of none, of all, and of one; what is left out may be NaN forward."""
    x = moved(shape, dtype, device)
    gamma, beta, mean = (draw((shape[axis],), torch.float32, device) for _ in range(3))
    one = torch.zeros(shape[:-1], dtype=torch.bool, device=device)
    one.view(-1)[-1] = True
    attributes = {"axis": axis, "training": True, "activation": fused(activation), "momentum": 0.8} | EPSILON
    for mask in (
        torch.rand(shape[:-1], device=device) < 0.5,
        torch.zeros_like(one),
        one,
        one.new_ones(one.shape),
    ):
        check(BatchNormOf(mean, mean.abs() + 0.5, mask=mask), [x, gamma, beta], attributes)
    holes = torch.where(one.unsqueeze(-1), x, torch.nan)
    found = batch_norm.infer(holes, gamma, beta, mean, mean.abs(), one, **attributes)
    exact = batch_norm.reference(x, gamma, beta, mean, mean.abs(), one, **attributes)
    for ours, theirs in zip(found[1:], exact[1:], strict=True):
        torch.testing.assert_close(ours, theirs)


def check_masked_layouts(device: str) -> None:
    """Every layout of images; masks by strides, and of integers and floats."""
    images = moved((3, 6, 5, 4), "fp32", device)
    gamma, beta, mean = (draw((6,), torch.float32, device) for _ in range(3))
    masks = (torch.rand((5, 6, 3), device=device) < 0.5).permute(2, 1, 0)
    for x in (
        images,
        images.to(memory_format=torch.channels_last),
        images.transpose(2, 3).contiguous().transpose(2, 3),
    ):
        for mask in (masks, masks.int(), masks * 0.5):
            operator = BatchNormOf(mean, mean.abs(), mask=mask)
            check(operator, [x, gamma, beta], {"axis": 1, "training": True} | EPSILON)


def check_given_statistics(dtype: str, device: str, activation: str = "none") -> None:
    """Outside training the gradient goes to mean and variance too."""
    for axis, gamma in ((-1, True), (1, True), (1, False)):
        x = moved((3, 5, 7, 17), dtype, device)
        weight, beta, mean, variance = (
            draw((x.shape[axis],), DTYPES[dtype], device, 0.5) + 1 for _ in range(4)
        )
        tensors = [x, weight if gamma else None, beta, mean, variance.abs() + 0.5]
        check(batch_norm, tensors, {"axis": axis, "activation": fused(activation)} | EPSILON)


def check_batch_bare(device: str) -> None:
    """Without gamma, beta or both; moving statistics in half precision; every layout."""
    statistics = [torch.zeros(6, device=device), torch.ones(6, device=device)]
    images = moved((3, 6, 5, 4), "fp32", device)
    for x in (images, images.to(memory_format=torch.channels_last), images.transpose(2, 3)):
        beta = draw((12,), torch.float32, device)[::2]
        for parameters in ((None, beta), (beta, None), (None, None)):
            for training in (True, False):
                attributes = {"axis": 1, "training": training, "activation": fused("relu")} | EPSILON
                gradient = draw((4, 5, 3, 6), torch.float32, device).permute(2, 3, 1, 0)
                gradients = [gradient if gradient.shape == x.shape else gradient.transpose(2, 3), *statistics]
                check(BatchNormOf(*statistics), [x, *parameters], attributes, gradients)
    half = [statistic.half() for statistic in statistics]
    y, mean, variance = batch_norm.infer(images.half(), None, None, *half, axis=1, training=True)
    assert y.dtype == mean.dtype == variance.dtype == torch.float16


def check_variance_of_a_large_mean(device: str) -> None:
    """Mean 1000, standard deviation 1: a difference of squares would be wrong by a quarter."""
    x = draw((4096, 3), torch.float32, device) + 1000
    nothing = torch.zeros(3, device=device)
    _, mean, variance = batch_norm.infer(x, None, None, nothing, nothing, training=True, momentum=0.0)
    exact = x.double().var(0, correction=0)
    torch.testing.assert_close(variance.double(), exact, rtol=1e-4, atol=0)
    torch.testing.assert_close(mean.double(), x.double().mean(0), rtol=1e-6, atol=0)
    for rows in (x.t().contiguous(), x.t().contiguous()[:, :1000].contiguous()):
        _, (*_, mean, rstd) = layer_norm.forward(rows, epsilon=0.0)
        exact = rows.double().var(1, correction=0)
        torch.testing.assert_close(rstd.double() ** -2, exact, rtol=1e-4, atol=0)
        torch.testing.assert_close(mean.double(), rows.double().mean(1), rtol=1e-6, atol=0)
    groups = x.t()[None].contiguous()
    _, (*_, rstd) = group_norm.forward(groups, groups=1, axis=1, epsilon=0.0)
    torch.testing.assert_close(rstd.item() ** -2, groups.double().var(correction=0).item(), rtol=1e-4, atol=0)


def check_group(
    shape: tuple[int, ...], axis: int, groups: int, dtype: str, device: str, activation: str = "none"
) -> None:
    x = moved(shape, dtype, device)
    gamma, beta = (draw((shape[axis],), DTYPES[dtype], device) for _ in range(2))
    attributes = {"axis": axis, "groups": groups, "activation": fused(activation)} | EPSILON
    check(group_norm, [x, gamma, beta], attributes)


def check_group_bare(device: str) -> None:
    """Without gamma, beta or both; layouts."""
    images = moved((3, 6, 5, 4), "fp32", device)
    for x in (images, images.to(memory_format=torch.channels_last), images.transpose(0, 3)):
        beta = draw((12,), torch.float32, device)[::2]
        for parameters in ((None, beta), (beta, None), ()):
            check(group_norm, [x, *parameters], {"axis": 1, "groups": 2} | EPSILON)


def check_same_bits_of_norms(device: str) -> None:
    x = moved((300, 100), "fp32", device)
    gamma, beta = (draw((100,), torch.float32, device) for _ in range(2))
    check_same_bits(layer_norm, [x, gamma, beta], {})
    check_same_bits(rms_norm, [x, gamma], {})
    check_same_bits(unit_norm, [x], {})
    check_same_bits(deviation_norm, [x, gamma], {})
    check_same_bits(BatchNormOf(beta, gamma.abs()), [x, gamma, beta], {"training": True})
    masked = BatchNormOf(beta, gamma.abs(), mask=x[:, 0] > 1)
    check_same_bits(masked, [x, gamma, beta], {"training": True})
    check_same_bits(group_norm, [x.view(3, 100, 100), gamma, beta], {"groups": 4})
    long = moved((3, 9000), "fp32", device)
    check_same_bits(layer_norm, [long, draw((9000,), torch.float32, device)], {})


def check_large_offsets_of_norms(device: str) -> None:
    """Rows 2^31 elements apart."""
    x = far((2, 33), torch.bfloat16, device)
    gamma = draw((33,), torch.float32, device)
    for operator, attributes in (
        (layer_norm, {}),
        (rms_norm, {}),
        (deviation_norm, {}),
        (unit_norm, {}),
        (
            BatchNormOf(gamma, gamma.abs(), mask=torch.tensor([True, False], device=device)),
            {"training": True},
        ),
        (BatchNormOf(gamma, gamma.abs()), {"training": True}),
        (group_norm, {"groups": 3}),
    ):
        tensors: Any = (gamma, None) if operator.name == "batch_norm" else (gamma,)
        tensors = () if operator is unit_norm else tensors
        runs = []
        for rows in (x, x.contiguous()):
            outputs, saved = operator.forward(rows, *tensors, **attributes)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            needs = (True, True, False)[: 1 + len(tensors)]
            runs.append((*outputs, *operator.backward(saved, outputs, needs, **attributes)))
        for first, second in zip(*runs, strict=True):
            assert first is second is None or torch.equal(first, second)
