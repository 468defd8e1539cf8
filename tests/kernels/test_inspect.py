"""Compiling without a GPU, and the gates that hold for the dense and map kernels."""

import dataclasses
import os
import subprocess
import sys
import time

import pytest
import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import library, runtime
from tkeras_kernels.inspect import check_kernel, cross_compile, measure_errors, operator_kernels
from tkeras_kernels.operators import Case, dense, map
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.templates import _tiles

GELU = {"activation": pointwise(library.gelu)}
LARGE = Case("large", ((4096, 512), (512, 4096), (4096,)), GELU)
"""Fills every target, so that the tiles are the table's; the activation's gradient is fused into both products."""
WIDE = Case("wide", ((4096, 4096), (4096, 4096), (4096,)), {"activation": pointwise(library.tanh)})
"""Too wide for that: one pass for the activation's gradient, then plain products."""
ODD = [
    Case("ones", ((1, 1), (1, 1), (1,)), GELU),
    Case("odd", ((17, 129), (129, 3), None), {"activation": pointwise(library.linear)}),
]


def names(specifications):
    return [specification.name for specification in specifications]


def test_every_launch_of_an_operator_is_specified():
    found = operator_kernels(dense, LARGE, torch.bfloat16, "sm_90")
    assert names(found) == ["product", "product", "weight_gradient"]
    forward = found[0]
    assert forward.signature["a"] == "*bf16"
    assert forward.signature["rows"] == "i32"
    assert forward.signature["b_column"] == "constexpr"
    constants = dict(forward.constants)
    assert constants[(18,)] == 1
    assert any(isinstance(value, dict) and "erf" in value["source"] for value in constants.values())
    assert (0,) in forward.divisible
    assert (8,) in forward.divisible
    wide = operator_kernels(dense, WIDE, torch.bfloat16, "sm_90")
    assert names(wide) == ["product", "map_flat", "product", "weight_gradient"]


def test_nothing_runs_while_recording():
    began = time.perf_counter()
    operator_kernels(dense, Case("huge", ((10**6, 4096), (4096, 4096), None)), torch.float32, "sm_80")
    assert time.perf_counter() - began < 5


@pytest.mark.compile
def test_dense_on_hopper():
    specifications = [
        kernel for case in (LARGE, WIDE) for kernel in operator_kernels(dense, case, torch.bfloat16, "sm_90")
    ]
    for result in cross_compile(specifications, "sm_90"):
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0
        if result.kernel == "map_flat":
            assert result.instructions["wide_load"] > 0, result
        else:
            assert result.instructions["wgmma"] > 0, result
            assert result.registers <= 255


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "instruction"), [("sm_80", "mma"), ("sm_100", "tcgen05"), ("gfx942", "mfma")]
)
def test_dense_elsewhere(target, instruction):
    specifications = operator_kernels(dense, LARGE, torch.bfloat16, target)
    assert "weight_gradient" in names(specifications)
    for result in cross_compile(specifications, target):
        assert result.fits, result
        assert result.stack == 0, result
        assert result.kernel == "map_flat" or result.instructions[instruction] > 0, result


@pytest.mark.compile
@pytest.mark.parametrize(("target", "instruction"), [("sm_90", "wgmma"), ("sm_100", "tcgen05")])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_programs_that_stay(target, instruction, dtype, monkeypatch):
    """The opt-in of the tile table: operands by TMA, the same ends, no spills."""
    way = ("forward", "half" if dtype == torch.bfloat16 else "tf32")
    rows = {**_tiles._TABLE[target], way: _tiles._TABLE[target][way]._replace(persistent=True)}
    monkeypatch.setitem(_tiles._TABLE, target, rows)
    runtime.set_matmul_precision("tf32")
    try:
        found = operator_kernels(dense, LARGE, dtype, target)
    finally:
        runtime.set_matmul_precision(None)
    (kernel,) = [kernel for kernel in found if kernel.name == "product_persistent"]
    (result,) = cross_compile([kernel], target)
    assert result.fits, result
    assert result.stack == 0, result
    assert result.instructions["tma"] > 0, result
    assert result.instructions[instruction] > 0, result


@pytest.mark.compile
@pytest.mark.parametrize("precision", ["tf32", "ieee"])
def test_float32_and_odd_sizes_on_hopper(precision):
    runtime.set_matmul_precision(precision)
    try:
        specifications = [
            kernel
            for case in (LARGE, *ODD)
            for kernel in operator_kernels(dense, case, torch.float32, "sm_90")
        ]
    finally:
        runtime.set_matmul_precision(None)
    results = cross_compile(specifications, "sm_90")
    assert all(result.fits for result in results), results
    assert all(result.stack == 0 for result in results[:3]), results
    assert all((result.instructions["wgmma"] > 0) == (precision == "tf32") for result in results[:3]), results


@pytest.mark.compile
def test_map_on_hopper():
    fn = pointwise(cases.blend, arity=3)
    shapes = [*cases.MAP_SHAPES.values(), [(2**17, 2**15), (2**15,), ()]]
    specifications = [
        kernel
        for shape in shapes
        for kernel in operator_kernels(map, Case("map", tuple(shape), {"fn": fn}), torch.bfloat16, "sm_90")
    ]
    assert {"map_flat", "map_rows"} == set(names(specifications))
    results = cross_compile(specifications, "sm_90")
    assert all(result.fits and result.stack == 0 for result in results), results


@pytest.mark.compile
def test_launches_bind_and_compile():
    """Triton accepts the arguments as they are passed: tuples of pointers, absent tensors, sizes of 1."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.binding"],
        capture_output=True,
        text=True,
        env={**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == "30", done.stderr[-800:]


@pytest.mark.compile
def test_a_compiler_that_aborts_takes_nothing_with_it():
    good = operator_kernels(map, Case("one", ((1024,),), {"fn": cases.fused("relu")}), torch.float32, "sm_90")
    fatal = dataclasses.replace(good[0], module="tests.kernels.aborting")
    wrong = dataclasses.replace(good[0], name="no_such_kernel")
    first, second, third = cross_compile([wrong, fatal, good[0]], "sm_90")
    assert "AttributeError" in (first.error or "")
    assert "status -6" in (second.error or "")
    assert not second.fits
    assert third.fits
    assert third.registers > 0


@pytest.mark.compile
def test_a_compiler_that_hangs_is_killed(monkeypatch):
    monkeypatch.setenv("TKERAS_TEST_HANG", "1")
    (good, _) = operator_kernels(
        map, Case("one", ((1024,),), {"fn": cases.fused("relu")}), torch.float32, "sm_90"
    )
    began = time.perf_counter()
    (result,) = cross_compile(
        [dataclasses.replace(good, module="tests.kernels.aborting")], "sm_90", timeout=5
    )
    assert result.error == "not compiled within 5 s"
    assert time.perf_counter() - began < 60


@pytest.mark.compile
def test_check_kernel_runs_and_compiles():
    ok, text = check_kernel()
    assert ok, text
    if not torch.cuda.is_available():
        assert "is right on the interpreter" in text
        assert "kernels compiled for sm_90" in text


def test_check_kernel_says_what_is_wrong(monkeypatch):
    from tkeras_kernels.inspect import _check

    monkeypatch.setattr(_check, "_interpret", lambda timeout: (True, "fine"))
    monkeypatch.setattr(_check.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(_check, "cross_compile", lambda *a: [_result(error="no ptxas")])
    assert check_kernel() == (False, "fine; not compiled for sm_90: product (no ptxas)")
    monkeypatch.setattr(_check, "cross_compile", lambda *a: [_result(shared=2**20)])
    assert check_kernel() == (False, "fine; not compiled for sm_90: product (too much shared memory)")


def _result(**fields):
    from tkeras_kernels.inspect import CompileResult

    return CompileResult("product", "sm_90", 232448, **fields)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")
def test_measured_errors_show_a_wrong_kernel(monkeypatch):
    tensors = cases.dense_arguments((17,), 33, 5, torch.float32, "cpu")
    with runtime.backend_scope("interpret"):
        right = measure_errors(dense, tensors, GELU)
        forward = dense.forward
        monkeypatch.setattr(
            dense, "forward", lambda *t, **k: (forward(*t, **k)[0] * 1.001, forward(*t, **k)[1])
        )
        wrong = measure_errors(dense, tensors, GELU)
    assert [error.what for error in right] == ["output 0", "gradient 0", "gradient 1", "gradient 2"]
    assert all(error.within(2.0, 16.0) for error in right)
    assert [error.within(2.0, 16.0) for error in wrong] == [False, True, True, True]
