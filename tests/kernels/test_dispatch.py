"""Which implementation runs, and the reason that is given."""

import os
import subprocess
import sys
import timeit

import pytest
import torch

from tkeras_kernels import library, runtime
from tkeras_kernels.operators import Operator, dense, map
from tkeras_kernels.pointwise import pointwise

interpreter_only = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")


@pytest.fixture(autouse=True)
def _fresh_report():
    runtime.reset_report()
    yield
    runtime.reset_report()


def arguments(dtype=torch.float32, device="cpu"):
    shapes = ((3, 4), (4, 5), (5,))
    return tuple(torch.zeros(shape, dtype=dtype, device=device) for shape in shapes)


def decide(tensors, activation=None, operator: Operator = dense):
    return runtime.dispatch(operator, tensors, {"activation": activation})


def test_cpu_tensors_run_on_torch():
    assert decide(arguments()) == ("torch", "no GPU: tensors on cpu")


def test_meta_tensors_run_on_torch():
    assert decide(arguments(device="meta")) == ("torch", "meta tensors carry no data")


def test_chosen_torch():
    with runtime.backend_scope("torch"):
        assert decide(arguments()) == ("torch", "backend 'torch' was chosen")


@interpreter_only
def test_chosen_interpreter():
    with runtime.backend_scope("interpret"):
        assert decide(arguments()) == ("interpret", "backend 'interpret' was chosen")
        assert decide(arguments(device="meta")).implementation == "torch"


@interpreter_only
@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (arguments(torch.float64), "no fused kernel for float64"),
        ((*arguments()[:2], torch.zeros(5, dtype=torch.bfloat16)), "tensors of several dtypes"),
        ((*arguments()[:2], torch.zeros(4)), "shapes do not fit"),
        ((torch.zeros(3, 0), torch.zeros(0, 5), None), "empty kernel"),
        (
            (torch.zeros(3, 4).to_sparse(), torch.zeros(4, 5), None),
            "no fused kernel for layout torch.sparse_coo",
        ),
    ],
)
def test_what_dense_leaves_to_torch(tensors, reason):
    with runtime.backend_scope("interpret"):
        assert decide(tensors) == ("torch", reason)


@interpreter_only
def test_function_transforms_are_left_to_torch():
    seen = []

    def call(x):
        seen.append(decide((x, *arguments()[1:])))
        return x.sum()

    with runtime.backend_scope("interpret"):
        torch.func.grad(call)(torch.zeros(3, 4))
    assert seen == [("torch", "torch.func transforms the call")]


def branches(x):
    return x if x > 0 else -x


@interpreter_only
def test_an_untraceable_activation_is_reported():
    with runtime.backend_scope("interpret"):
        implementation, reason = decide(arguments(), pointwise(branches))
        assert implementation == "interpret"
        assert "branches is torch code" in reason
        assert "control flow" in reason
        implementation, reason = runtime.dispatch(map, arguments()[:1], {"fn": pointwise(branches)})
        assert implementation == "torch"
        assert "branches is torch code" in reason


@interpreter_only
def test_map_names_the_wrong_number_of_tensors():
    with runtime.backend_scope("interpret"):
        decision = runtime.dispatch(map, arguments()[:2], {"fn": pointwise(library.relu)})
    assert decision == ("torch", "wrong number of tensors")


def test_scopes_nest_and_end():
    before = runtime.get_backend()
    with runtime.backend_scope("torch"):
        with runtime.backend_scope("auto"):
            assert runtime.get_backend() == "auto"
        assert runtime.get_backend() == "torch"
        with pytest.raises(KeyError), runtime.backend_scope("auto"):
            raise KeyError
        assert runtime.get_backend() == "torch"
    assert runtime.get_backend() == before


def test_set_backend_lasts():
    before = runtime.get_backend()
    try:
        runtime.set_backend("torch")
        assert decide(arguments()).reason == "backend 'torch' was chosen"
    finally:
        runtime.set_backend(before)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"auto, triton, torch, interpret\. Received: 'cuda'"):
        runtime.set_backend("cuda")
    with pytest.raises(ValueError, match="Received: 'fp8'"):
        runtime.set_matmul_precision("fp8")


def test_precision_follows_torch_until_chosen():
    assert runtime.get_matmul_precision() == "ieee"
    torch.set_float32_matmul_precision("high")
    try:
        assert runtime.get_matmul_precision() == "tf32"
        runtime.set_matmul_precision("ieee")
        assert runtime.get_matmul_precision() == "ieee"
    finally:
        runtime.set_matmul_precision(None)
        torch.set_float32_matmul_precision("highest")
    assert runtime.get_matmul_precision() == "ieee"


def test_the_report_counts():
    for _ in range(3):
        decide(arguments())
    decide(arguments(device="meta"))
    assert runtime.report() == [
        ("dense", "torch", "meta tensors carry no data", 1, 0),
        ("dense", "torch", "no GPU: tensors on cpu", 3, 0),
    ]
    runtime.reset_report()
    assert runtime.report() == []


def test_dispatch_is_cheap_on_the_cpu():
    """About 0.3 µs; the bound leaves room for a busy machine."""
    tensors, attributes = arguments(), {"activation": None}
    seconds = min(timeit.repeat(lambda: runtime.dispatch(dense, tensors, attributes), number=2000, repeat=7))
    assert seconds / 2000 < 2e-6


def in_new_process(code, **environment):
    """Output of a script, or the last line of its error."""
    base = {key: value for key, value in os.environ.items() if not key.startswith(("TRITON_", "TKERAS_"))}
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**base, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", **environment},
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_importing_does_not_load_triton():
    code = """
import sys, torch
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import dense
from tkeras_kernels.pointwise import pointwise
tensors = torch.zeros(3, 4), torch.zeros(4, 5), torch.zeros(5)
attributes = {"activation": pointwise(library.gelu)}
assert runtime.dispatch(dense, tensors, attributes).implementation == "torch"
dense.reference(*tensors, **attributes)
print("triton" in sys.modules)
"""
    assert in_new_process(code) == "False"


def test_the_interpreter_is_refused_after_a_compiled_import():
    code = "import triton.language\nfrom tkeras_kernels import runtime\nruntime.set_backend('interpret')"
    answer = in_new_process(code)
    assert answer.startswith("RuntimeError: Expected Triton in interpreter mode.")
    assert "start a new process with TRITON_INTERPRET=1" in answer


def test_compiled_kernels_are_refused_after_an_interpreter_import():
    code = """
from tkeras_kernels import runtime
runtime.set_backend("interpret")
runtime.set_backend("triton")
"""
    answer = in_new_process(code)
    assert answer.startswith("RuntimeError: Expected Triton in compiled mode for backend 'triton'.")


def test_compiled_kernels_are_refused_without_a_gpu():
    answer = in_new_process("from tkeras_kernels import runtime\nruntime.set_backend('triton')")
    assert answer.startswith("RuntimeError: Expected a GPU for backend 'triton'.")


@pytest.mark.parametrize("name", ["torch", "interpret"])
def test_environment_chooses(name):
    code = "import os\nfrom tkeras_kernels import runtime\nprint(runtime.get_backend(), os.getenv('TRITON_INTERPRET'))"
    assert in_new_process(code, TKERAS_BACKEND=name) == f"{name} {'1' if name == 'interpret' else None}"


@pytest.mark.parametrize(("value", "on"), [("1", "True"), ("0", "False")])
def test_environment_switches_verification_on(value, on):
    code = "from tkeras_kernels.runtime import _verify\nprint(_verify._on)"
    assert in_new_process(code, TKERAS_VERIFY=value) == on


def test_environment_with_an_unknown_name():
    answer = in_new_process("import tkeras_kernels.runtime", TKERAS_BACKEND="gpu")
    assert answer.startswith("ValueError: Expected a backend out of")


def test_without_triton_torch_runs(monkeypatch):
    from tkeras_kernels.runtime import _dispatch, _triton

    monkeypatch.setattr(_triton.sys, "platform", "darwin")
    assert _triton.triton_missing() == "Triton has no build for darwin"
    assert _dispatch._blocked.__wrapped__(torch.device("cuda")) == "Triton has no build for darwin"
    monkeypatch.undo()
    monkeypatch.setattr(_dispatch, "use_triton", lambda: 1 / 0)
    reason = "Triton cannot be imported: ZeroDivisionError: division by zero"
    assert _dispatch._blocked.__wrapped__(torch.device("cuda")) == reason
    assert _dispatch._blocked.__wrapped__(torch.device("mps")) == "no fused kernels for device type 'mps'"
