"""map on its compiled kernels."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import map
from tkeras_kernels.pointwise import pointwise


@pytest.fixture(autouse=True)
def _compiled():
    with runtime.backend_scope("triton"):
        yield


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("shapes", cases.MAP_SHAPES.values(), ids=cases.MAP_SHAPES)
def test_broadcasting(shapes, dtype):
    cases.check_map(shapes, dtype, "cuda")


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("activation", [name for name in cases.ACTIVATIONS if name != "none"])
def test_one_tensor(activation, dtype):
    for size in (0, 1, 3, 1000, 1_000_003):
        x = cases.draw((size,), cases.DTYPES[dtype], "cuda")
        cases.check(map, [x], {"fn": cases.fused(activation)})


def test_two_results():
    cases.check_map_two_results("cuda")


def test_layouts():
    cases.check_map_layouts("cuda")


def test_more_than_two_to_the_31_elements():
    """The last elements are reached: 4.3 GB in bfloat16."""
    size = 2**31 + 17
    if torch.cuda.mem_get_info()[0] < 5 * size:
        pytest.skip("not enough memory")
    x = torch.zeros(size, dtype=torch.bfloat16, device="cuda")
    x[-3:] = 2.0
    y = map.infer(x, fn=pointwise(library.relu))
    assert y[-4:].tolist() == [0.0, 2.0, 2.0, 2.0]
