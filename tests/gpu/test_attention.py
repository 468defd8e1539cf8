"""attention on its compiled kernels."""

import pytest
import torch

from tests.kernels import attention_cases as attentions
from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import attention

LARGE = {
    "half head": (2, 1000, 1030, 4, 2, 64, 64),
    "wide": (1, 520, 515, 2, 1, 128, 96),
    "widest": (1, 260, 300, 2, 2, 256, 256),
    "huge": (1, 260, 300, 2, 1, 512, 384),
}


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.fixture(params=["ieee", "tf32"])
def precision(request):
    """Torch and the kernels multiply float32 alike."""
    torch.set_float32_matmul_precision("highest" if request.param == "ieee" else "high")
    yield request.param
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    "sizes", [*attentions.SIZES.values(), *LARGE.values()], ids=[*attentions.SIZES, *LARGE]
)
def test_float32(sizes, precision):
    attentions.check(sizes, "fp32", "cuda")


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize(
    "sizes", [*attentions.SIZES.values(), *LARGE.values()], ids=[*attentions.SIZES, *LARGE]
)
def test_half_precision(sizes, dtype):
    attentions.check(sizes, dtype, "cuda")


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("facts", attentions.HIDING.values(), ids=attentions.HIDING)
@pytest.mark.parametrize("shape", attentions.EXTRAS)
def test_mask_and_bias(shape, facts, dtype):
    attentions.check((2, 300, 260, 4, 2, 64, 64), dtype, "cuda", mask=shape, **facts)
    if shape != "rows":  # what is added to a whole row changes nothing
        attentions.check((2, 300, 260, 4, 2, 64, 64), dtype, "cuda", bias=shape, **facts)


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("facts", attentions.HIDING.values(), ids=attentions.HIDING)
def test_dropout(facts, dtype):
    attentions.check_dropout((2, 300, 260, 4, 2, 64, 64), dtype, "cuda", **facts)


def test_dropped_weights():
    attentions.check_dropped_weights("cuda")


def test_strided_arguments():
    attentions.check_strided("cuda")


def test_same_bits_twice():
    attentions.check_same_bits("cuda")


def test_large_scores():
    attentions.check_large_scores("cuda")


@pytest.mark.parametrize("sizes", [(0, 3, 5, 2, 1, 4, 4), (2, 0, 5, 2, 1, 4, 4)])
def test_empty(sizes):
    attentions.check(sizes, "fp32", "cuda")


def test_in_a_graph():
    """Captured once, replayed on other numbers."""
    tensors = attentions.arguments((2, 100, 130, 4, 2, 64, 64), torch.float32, "cuda")
    attention.infer(*tensors, causal=True)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = attention.infer(*tensors, causal=True)
    tensors[0].copy_(torch.randn_like(tensors[0]))
    graph.replay()
    torch.testing.assert_close(y, attention.infer(*tensors, causal=True), rtol=0, atol=0)


def test_a_mask_of_more_than_two_to_the_31_elements():
    """The last rows read the last of the mask: 2.2 GB, of one head."""
    time, keys = 70_000, 31_000
    if torch.cuda.mem_get_info()[0] < 4 * time * keys:
        pytest.skip("not enough memory")
    query, key, value = (torch.randn(1, n, 1, 16, device="cuda") for n in (time, keys, keys))
    mask = torch.zeros(1, 1, time, keys, dtype=torch.bool, device="cuda")
    mask[..., -1, -1] = True
    y = attention.infer(query, key, value, mask, unseen="zeros")
    torch.testing.assert_close(y[0, -1], value[0, -1])
    assert not y[0, :-1].any()
