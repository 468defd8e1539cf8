"""The corrections to Triton's interpreter."""

import types

import pytest
import torch

from tkeras_kernels import runtime
from tkeras_kernels.runtime import _interpreter, leaf

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")

SOURCE = """
import triton
import triton.language as tl


@triton.jit
def product(a, b, out, N: tl.constexpr):
    i = tl.arange(0, N)
    offsets = i[:, None] * N + i[None, :]
    tl.store(out + offsets, tl.dot(tl.load(a + offsets), tl.load(b + offsets)))


@triton.jit
def narrow(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.load(x + i).to(tl.bfloat16))


@triton.jit
def add(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i)
    tl.store(out + i, v + v)


@triton.jit
def count(out, n):
    total = 0
    for i in range(0, n, 2):
        total += i
    tl.store(out, total)
"""


def run(name, arguments, **constants):
    runtime.use_triton("interpreter")
    runtime.launch(leaf(SOURCE, name), (1,), arguments[0], arguments, constants)


def test_bfloat16_dot_is_exact_in_float32():
    a, b = (torch.randn(32, 32).bfloat16() for _ in range(2))
    out = torch.full((32, 32), torch.nan)
    run("product", (a, b, out), N=32)
    torch.testing.assert_close(out, a.float() @ b.float(), rtol=1e-5, atol=1e-5)


def test_float32_rounds_to_the_nearest_bfloat16():
    halfway = 1.0 + torch.tensor([1.0, 3.0, 5.0, 7.0]) * 2.0**-8
    x = torch.cat([torch.randn(56), halfway, torch.tensor([torch.inf, -torch.inf, torch.nan, 3.4e38])])
    out = torch.zeros(64, dtype=torch.bfloat16)
    run("narrow", (x, out), N=64)
    assert torch.equal(out.nan_to_num(7.0), x.bfloat16().nan_to_num(7.0))
    assert out[62].isnan()


def test_bfloat16_arithmetic_is_refused():
    x = torch.ones(16, dtype=torch.bfloat16)
    with pytest.raises(Exception, match="convert to float32 before computing"):
        run("add", (x, torch.empty_like(x)), N=16)


def test_loops_with_runtime_bounds():
    out = torch.zeros(1, dtype=torch.int32)
    run("count", (out, 7))
    assert out.item() == 0 + 2 + 4 + 6


def test_an_interpreter_without_the_replaced_names_is_refused(monkeypatch):
    import triton.runtime

    monkeypatch.setattr(_interpreter, "_installed", False)
    fake = types.SimpleNamespace(InterpreterBuilder=types.SimpleNamespace(create_dot=None), TensorHandle=None)
    monkeypatch.setattr(triton.runtime, "interpreter", fake)
    with pytest.raises(RuntimeError, match=r"has no _patch_lang_tensor, cast_impl, binary_op"):
        _interpreter.install_fixes()
    assert _interpreter.fixes_in_force() == []


def test_fixes_are_listed_once_in_force():
    runtime.use_triton("interpreter")
    assert _interpreter.fixes_in_force() == list(_interpreter.FIXES)
    assert runtime.doctor_facts()["interpreter corrections"] == ", ".join(_interpreter.FIXES)


def test_one_leaf_for_one_text():
    first, second = leaf(SOURCE, "add"), leaf(SOURCE, "add")
    assert first is second
    assert leaf(SOURCE, "count") is not first
    assert runtime.leaf_source(first) == (SOURCE, "add")
    assert runtime.leaf_source(test_one_leaf_for_one_text) is None
