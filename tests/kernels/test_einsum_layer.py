"""EinsumDense on the matmul kernels, run by the interpreter, beside torch's einsum."""

import pytest
import torch

from tkeras import layers
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs the kernels compiled")
INSIDE = {
    "time": ("abc,cd->abd", (2, 5, 6), (None, 7), "d"),
    "heads": ("abc,cde->abde", (2, 5, 6), (None, 3, 4), "de"),
    "heads-part": ("abc,cde->abde", (2, 5, 6), (None, 3, 4), "d"),
    "joined": ("abcd,cde->abe", (2, 3, 4, 5), (None, 7), "e"),
    "transposed": ("abc,dc->adb", (2, 5, 6), (7, None), "d"),
    "apart": ("abc,bde->adce", (2, 5, 6), (3, 6, 4), "e"),
    "left": ("...xz,xy->...yz", (2, 3, 4, 5), (7, 5), "y"),
    "right": ("ab...,bc->ac...", (2, 3, 4, 5), 7, "c"),
    "no bias": ("abc,cd->abd", (2, 5, 6), (None, 7), None),
}
OUTSIDE = {
    "bias elsewhere": ("abc,cd->abd", (2, 5, 6), (5, 7), "bd", {"dense", "map"}),
    "for each": ("abc,bcd->abd", (2, 5, 6), (5, 7), "d", {"matmul", "map"}),
    "for each, turned": ("abcd,dbe->eabc", (2, 3, 4, 5), (2, 3, 4), "b", {"matmul", "map"}),
    "repeated": ("abb,bc->ac", (2, 4, 4), 3, "c", {"map"}),
}


def check(equation, shape, output, bias, operators):
    """The kernels give what the equation says, forward and backward, and no other operator runs."""
    layer = layers.EinsumDense(equation, output, "gelu", bias, bias_initializer="normal")
    x = torch.randn(shape, requires_grad=True)
    with runtime.backend_scope("interpret"):
        layer(x)
        runtime.reset_report()
        y = layer(x)
        assert {(record.operator, record.implementation) for record in runtime.report()} == {
            (name, "interpret") for name in operators
        }
    sums = torch.einsum(equation, x, layer.kernel)
    expected = torch.nn.functional.gelu(sums if layer.bias is None else sums + layer.bias)
    torch.testing.assert_close(y, expected)
    gradient = torch.randn_like(y)
    leaves = [x, *layer.trainable_weights]
    for found, exact in zip(
        torch.autograd.grad(y, leaves, gradient), torch.autograd.grad(expected, leaves, gradient), strict=True
    ):
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", INSIDE.values(), ids=INSIDE)
def test_one_kernel_with_bias_and_activation(case):
    check(*case, {"dense"})


@pytest.mark.parametrize("case", OUTSIDE.values(), ids=OUTSIDE)
def test_other_equations(case):
    check(*case)
