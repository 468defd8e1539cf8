"""map on its Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import map
from tkeras_kernels.operators._layout import as_rows
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("shapes", cases.MAP_SHAPES.values(), ids=cases.MAP_SHAPES)
def test_broadcasting(shapes, dtype):
    cases.check_map(shapes, dtype, "cpu")


@pytest.mark.parametrize("size", [0, 1, 3, 17, 129, 70_000])
@pytest.mark.parametrize("activation", ["linear", "relu", "gelu", "softplus", "own"])
def test_one_tensor(activation, size):
    x = cases.draw((size,), torch.float32, "cpu")
    cases.check(map, [x], {"fn": cases.fused(activation)})


def test_two_results():
    cases.check_map_two_results("cpu")


def test_layouts():
    cases.check_map_layouts("cpu")


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, True)])
def test_only_asked_gradients_are_computed(needs):
    tensors = [cases.draw(shape, torch.float32, "cpu") for shape in cases.MAP_SHAPES["row"]]
    fn = pointwise(cases.blend, arity=3)
    y, saved = map.forward(*tensors, fn=fn)
    every = map.backward(saved, (y,), (True, True, True), fn=fn)
    with runtime.recording(runtime.INTERPRETER) as launches:
        map.backward(saved, (y,), needs, fn=fn)
    assert len(launches[0].arguments[1]) == sum(needs)
    for need, found, full in zip(needs, map.backward(saved, (y,), needs, fn=fn), every, strict=True):
        assert (found is not None) == need
        assert found is None or torch.equal(found, full)


@pytest.mark.parametrize(("name", "kept"), [("tanh", "output"), ("gelu", "input"), ("linear", "none")])
def test_saves_what_the_derivative_needs(name, kept):
    x = cases.draw((17,), torch.float32, "cpu")
    y, saved = map.forward(x, fn=cases.fused(name))
    assert len(saved) == (kept != "none")
    assert not saved or saved[0] is {"output": y, "input": x}[kept]


def test_offsets_past_two_to_the_31_are_wide():
    """Planned on meta tensors: 2^31 elements and a stride that reaches beyond."""
    fn = pointwise(library.relu)
    large = torch.empty(2**31, dtype=torch.bfloat16, device="meta")
    far = torch.empty(3, 2**30, device="meta").t()[:5]
    small = torch.empty(2**20, device="meta")
    with runtime.recording(runtime.TARGETS["sm_90"]) as launches:
        for x in (large, far, small):
            map.forward(x, fn=fn)
    assert [launch.constants["WIDE"] for launch in launches] == [True, True, False]


def test_axes_that_walk_alike_are_merged():
    image, bias = torch.empty(2, 3, 4, 5, 6), torch.empty(6)
    assert as_rows(image.shape, [image, bias.expand_as(image)]) == (120, 6, 1, 120, (0, 0, 6, 1, 0, 0, 0, 1))
    assert as_rows(image.shape, [image, image]) == (1, 720, 1, 1, (0, 0, 0, 1, 0, 0, 0, 1))


def test_mixed_shapes_of_independent_results_are_left_to_torch():
    fn = pointwise(lambda a, b: (a + b, b * 2.0), arity=2)
    a, b = torch.randn(3, 4), torch.randn(4)
    assert "does not depend on every tensor" in (map.unsupported((a, b), {"fn": fn}) or "")
    assert map.unsupported((a, a), {"fn": fn}) is None
