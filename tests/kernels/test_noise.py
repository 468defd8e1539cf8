"""Dropout and noise on their Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import noise_cases as cases
from tests.kernels.fused_cases import DTYPES
from tkeras_kernels import runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import alpha_dropout, dropout, gaussian_dropout

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("operator", "attributes"), cases.OPERATORS)
def test_numbers(operator, attributes, dtype):
    cases.check_noise(operator, attributes, dtype, "cpu")


def test_masks_agree():
    cases.check_masks_agree("cpu")


def test_statistics():
    cases.check_statistics("cpu")


def test_a_seed_takes_the_place_of_the_generator_once():
    given, _ = dropout.split({"rate": 0.5, "generator": torch.Generator().manual_seed(1)})
    assert given["generator"] is None
    assert given["seed"].dtype == torch.int64
    assert dropout.split(given)[0] is given


def test_what_goes_to_torch():
    x, seed = torch.ones(3), cases.seed_of(1, "cpu")
    assert dropout.unsupported((x,), {"rate": 0.5, "seed": seed}) is None
    assert dropout.unsupported((x,), {"rate": 1}) == "nothing is random"
    assert dropout.unsupported((x.double(),), {"rate": 0.5}) == "no fused kernel for float64"
    assert (
        dropout.unsupported((x,), {"rate": 0.5, "seed": seed.to("meta")})
        == "random numbers of another device"
    )


@pytest.mark.compile
@pytest.mark.parametrize("target", ["sm_90"])
def test_compiled(target):
    """Nothing is spilled; 16 bytes are read at a time."""
    operators = (dropout, alpha_dropout, gaussian_dropout)
    kernels = [
        kernel for op in operators for kernel in operator_kernels(op, op.cases[0], torch.bfloat16, target)
    ]
    for result in cross_compile(kernels, target):
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0
        assert result.instructions["wide_load"] > 0, result
