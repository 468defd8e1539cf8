"""Several recurrent calls in one launch, run by the interpreter."""

import pytest
import torch

from tests.kernels import fused_cases as cases
from tests.kernels import scan_cases as scans
from tkeras.bridge import call
from tkeras_kernels import runtime
from tkeras_kernels.operators import gru, lstm, several

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")
F32 = torch.float32


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("kind", ["lstm", "gru", "gru_before"])
@pytest.mark.parametrize("members", scans.MEMBERS)
def test_against_float64(kind, members):
    scans.check_several(kind, members, F32, "cpu")


def test_one_launch_a_step():
    with runtime.planning_for(runtime.Target("small", "interpret", 0, 0, 1, "interpret")):
        scans.check_several("gru_before", "both directions", F32, "cpu")


def launches_of(members):
    tensors, attributes = scans.several_arguments("lstm", members, F32, "cpu", dropped=False)
    with runtime.recording(runtime.INTERPRETER) as launches:
        outputs, saved = several.forward(*tensors, **attributes)
        several.backward(saved, outputs, [t is not None for t in tensors], **attributes)
    return [launch.kernel.fn.__name__ for launch in launches]


def test_both_directions_share_every_launch_that_they_can():
    assert launches_of("both directions") == [
        "product",
        "scan_forward",
        "scan_backward",
        *["weight_gradient"] * 4,
        "product",
    ]


def test_calls_of_one_layer_are_one_call():
    assert launches_of("one layer") == [
        "product",
        "scan_forward",
        "scan_backward",
        "product",
        *["weight_gradient"] * 2,
    ]


def test_same_bits_twice():
    tensors, attributes = scans.several_arguments("lstm", "both directions", F32, "cpu")
    needs = [t is not None and t.is_floating_point() for t in tensors]
    runs = []
    for _ in range(2):
        outputs, saved = several.forward(*tensors, **attributes)
        runs.append((*outputs, *several.backward(saved, outputs, needs, **attributes)))
    for first, second in zip(*runs, strict=True):
        assert (first is None and second is None) or torch.equal(first, second)


def test_what_does_not_fit_together():
    tensors, attributes = scans.several_arguments("lstm", "both directions", F32, "cpu")
    assert several.unsupported(tuple(tensors), attributes) is None
    mixed = {**attributes, "sets": (1, 0)}
    assert several.unsupported(tuple(tensors), mixed) == "calls of a set are not beside each other"
    other = list(tensors)
    other[0] = cases.draw((5, 4, 6), F32, "cpu")
    assert several.unsupported(tuple(other), attributes) == "shapes do not fit"
    more, uneven = scans.several_arguments("lstm", "one layer", F32, "cpu", dropped=False)
    more += [cases.draw(shape, F32, "cpu") for shape in ((5, 28), (7, 28), (28,))]
    uneven = {**uneven, "sets": (0, 1), "go_backwards": (False, True)}
    assert several.unsupported(tuple(more), uneven) == "sets of several sizes"


def test_second_derivatives():
    tensors, attributes = scans.several_arguments("gru", "both directions", F32, "cpu", dropped=False)
    x = tensors[0]
    assert x is not None
    found = []
    for run in (lambda *t, **a: call(several, *t, **a), several.reference):
        leaf = x.clone().requires_grad_()
        loss = sum(y.square().sum() for y in run(leaf, *tensors[1:], **attributes))
        (first,) = torch.autograd.grad(loss, leaf, create_graph=True)
        found.append([first, *torch.autograd.grad(first.square().sum(), leaf)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


def test_a_call_of_no_rows():
    """Torch takes it, with the results of the call that has some."""
    tensors, attributes = scans.several_arguments("gru", "one layer", F32, "cpu", dropped=False)
    attributes.pop("return_sequences")
    y, h, *_ = call(several, *tensors, **attributes)
    tensors[1] = torch.empty(0, 4, 5)
    tensors[6:10] = [torch.empty(0, 7), torch.ones(0, 4), None, None]
    assert several.unsupported(tuple(tensors), attributes) == "nothing to compute"
    found = call(several, *tensors, **attributes)
    assert [tuple(one.shape) for one in found] == [(5, 7), (5, 7), (0, 7), (0, 7)]
    torch.testing.assert_close(found[:2], (y, h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("operator", [lstm, gru])
def test_costs_add_up(operator):
    one = operator.cost([(32, 10, 8), (8, 12 * operator.gates), (12, 12 * operator.gates)], 4)
    weights = [(8, 12 * operator.gates), (12, 12 * operator.gates), None]
    none = [None] * (2 if operator is lstm else 1) + [None] * 3
    shapes = [(32, 10, 8), *none, *none, *weights, *weights]
    options = {"reads": (0, 0), "sets": (0, 1), "go_backwards": (False, True)}
    assert several.cost(shapes, 4, member=operator.name, **options).flops == 2 * one.flops
