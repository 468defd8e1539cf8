"""Every operator inside a CUDA graph, and the tuner on a real clock."""

import pytest
import torch

from perf import _vendor
from perf._contenders import Contest, contest
from perf._honesty import check, redraw, tuple_of
from tkeras_kernels import runtime
from tkeras_kernels.operators import Case, registry
from tkeras_kernels.runtime import _tuned
from tkeras_kernels.tuning import graph_seconds, tune_case

DROPS = {"dense": "transformer_down", "attention": "training"}
"""Cases with dropout inside."""
NAMES = [*sorted(registry()), *(f"{name} {case}" for name, case in DROPS.items())]


def found_for(name: str, dtype: str) -> Contest:
    name, _, case = name.partition(" ")
    operator = registry()[name]
    (case, *_) = [known for known in operator.cases if not case or known.name == case]
    pass_ = "backward" if operator.differentiable else "forward"
    with runtime.backend_scope("triton"):
        found = contest(operator, case, dtype, pass_, "cuda", compiled=False)
    if isinstance(found, str):
        pytest.skip(found)
    if found.ours.implementation == "torch":
        pytest.skip(found.ours.reason)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_is_another_call(name: str) -> None:
    found = found_for(name, "bf16")
    call = found.contenders["tkeras"]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(*found.inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = tuple_of(call(*found.inputs))
    for _ in range(2):
        redraw(found.inputs, found.positive)
        for output in captured:
            if output is not None:
                output.fill_(7)
        graph.replay()
        for ours, eager in zip(captured, tuple_of(call(*found.inputs)), strict=True):
            assert ours is None or torch.equal(ours, eager)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_the_first_case(name: str) -> None:
    found = found_for(name, "bf16")
    check(name, found.contenders["tkeras"], found.reference, found.inputs, found.positive)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise"])
def test_noise_is_measured_on_its_kernels(name: str) -> None:
    assert found_for(name, "bf16").ours.implementation == "triton"


@pytest.mark.parametrize("pass_", ["forward", "backward"])
@pytest.mark.parametrize("name", sorted(_vendor._PLANS))
def test_the_librarys_bare_call_runs_and_is_captured(name: str, pass_: str) -> None:
    """In half precision, as it is timed; one that the library refuses is named."""
    made = [_vendor.vendor(name, case, torch.float16, pass_, "cuda") for case in registry()[name].cases]
    assert any(not isinstance(bare, str) for bare in made), made
    for bare in made:
        if not isinstance(bare, str):
            assert graph_seconds(lambda bare=bare: bare.call(*bare.inputs)) > 0


def test_the_tuner_measures(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TKERAS_CACHE_DIR", str(tmp_path))
    runtime.forget_tuning()
    try:
        case = Case("small", ((256, 512), (512, 512), (512,)))
        trial = tune_case(registry()["dense"], case, "bf16", True)
        assert not isinstance(trial, str)
        assert 1e-7 < trial.fused < 1e-2
        assert 1e-7 < trial.torch < 1e-2
        assert all(entry["us"] < entry["planned_us"] for entry in trial.tiles.values())
        x, kernel = torch.ones(256, 512, device="cuda"), torch.ones(512, 512, device="cuda")
        runtime.set_tuning(True)
        with runtime.backend_scope("triton"):
            first = runtime.dispatch(registry()["dense"], (x, kernel, None), {})
        name = _tuned.device_name(x.device)
        assert len(_tuned.named_table(name)["choices"]) == 1
        with runtime.backend_scope("triton"):
            assert runtime.dispatch(registry()["dense"], (x, kernel, None), {}) == first
    finally:
        runtime.set_tuning(False)
        runtime.forget_tuning()


def test_time_grows_with_work() -> None:
    small, large = (torch.ones(size, device="cuda") for size in (1 << 20, 1 << 26))
    assert graph_seconds(lambda: large * 2) > 4 * graph_seconds(lambda: small * 2)
