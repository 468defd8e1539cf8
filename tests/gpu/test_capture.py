"""Every operator inside a CUDA graph, and the tuner on a real clock."""

import pytest
import torch

from perf._contenders import Contest, contest
from perf._honesty import check, redraw, tuple_of
from tkeras_kernels import runtime
from tkeras_kernels.operators import Case, registry
from tkeras_kernels.runtime import _tuned
from tkeras_kernels.tuning import graph_seconds, tune_case


def found_for(name: str, dtype: str) -> Contest:
    operator = registry()[name]
    pass_ = "backward" if operator.differentiable else "forward"
    with runtime.backend_scope("triton"):
        found = contest(operator, operator.cases[0], dtype, pass_, "cuda", compiled=False)
    if isinstance(found, str):
        pytest.skip(found)
    if found.ours.implementation == "torch":
        pytest.skip(found.ours.reason)
    return found


@pytest.mark.parametrize("name", sorted(registry()))
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


@pytest.mark.parametrize("name", sorted(registry()))
def test_numbers_of_the_first_case(name: str) -> None:
    found = found_for(name, "bf16")
    check(name, found.contenders["tkeras"], found.reference, found.inputs, found.positive)


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
