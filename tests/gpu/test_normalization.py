"""Normalizations on their compiled kernels."""

import pytest

from tests.kernels import norm_cases as cases
from tests.kernels.fused_cases import ACTIVATIONS, DTYPES
from tkeras_kernels import runtime


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [*cases.ROW_AXES, ((4100, 768), -1), ((513, 8192), -1), ((65, 20_001), -1), ((7, 512, 196), 1)],
)
def test_rows(shape, axis, dtype):
    cases.check_rows(shape, axis, dtype, "cuda")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rows_with_activation(activation):
    cases.check_rows((170, 100), -1, "fp32", "cuda", activation)


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "own"])
def test_long_rows_with_activation(activation):
    for columns in (4096, 8192, 20_000):
        cases.check_rows((17, columns), -1, "bf16", "cuda", activation)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_with_float32_parameters(dtype):
    cases.check_rows((170, 100), -1, dtype, "cuda", "none", "fp32")


def test_rows_without_parameters_and_layouts():
    cases.check_rows_bare("cuda")
    cases.check_rows_layouts("cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("shape", "axis"), [*cases.BATCHES, ((8, 28, 28, 100), -1), ((8, 64, 28, 28), 1), ((8, 64, 7, 7), 1)]
)
def test_batch(shape, axis, training, dtype):
    cases.check_batch(shape, axis, dtype, "cuda", training)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("training", [True, False])
def test_batch_with_activation(training, activation):
    cases.check_batch((3, 15, 17, 33), -1, "fp32", "cuda", training, activation)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_given_statistics(dtype):
    cases.check_given_statistics(dtype, "cuda")
    cases.check_given_statistics(dtype, "cuda", "gelu")


def test_batch_without_parameters_and_layouts():
    cases.check_batch_bare("cuda")


def test_rows_shorter_than_epsilon():
    cases.check_short_rows("cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [*cases.BATCHES, ((8, 28, 28, 100), -1), ((8, 64, 28, 28), 1)])
def test_batch_with_a_mask(shape, axis, dtype):
    cases.check_masked_batch(shape, axis, dtype, "cuda")


def test_batch_with_a_mask_and_activation_and_layouts():
    cases.check_masked_batch((3, 40, 17), -1, "fp32", "cuda", "gelu")
    cases.check_masked_layouts("cuda")


def test_variance_of_a_large_mean():
    cases.check_variance_of_a_large_mean("cuda")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axis", "groups"),
    [
        *cases.GROUPS,
        *cases.WIDE_GROUPS,
        ((4, 32, 32, 320), -1, 32),
        ((4, 64, 28, 28), 1, 8),
        ((2, 33, 4096), -1, 1),
    ],
)
def test_groups(shape, axis, groups, dtype):
    cases.check_group(shape, axis, groups, dtype, "cuda")


@pytest.mark.parametrize("activation", ["relu", "gelu", "own"])
def test_groups_with_activation(activation):
    cases.check_group((3, 15, 17, 12), -1, 3, "fp32", "cuda", activation)


def test_groups_without_parameters_and_layouts():
    cases.check_group_bare("cuda")


def test_same_bits_twice():
    cases.check_same_bits_of_norms("cuda")


def test_large_offsets():
    cases.check_large_offsets_of_norms("cuda")
