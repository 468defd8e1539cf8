"""Choosing by measurement: keys, the tables on disk, the tuner with a clock of the test's own."""

import json
import threading

import pytest
import torch

from tkeras_kernels import library, runtime
from tkeras_kernels.operators import Case, conv, dense, map
from tkeras_kernels.pointwise import pointwise
from tkeras_kernels.runtime import _dispatch, _tuned
from tkeras_kernels.runtime import _tuned_store as store
from tkeras_kernels.tuning import _tuner, add_to_table, tune_case

interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")
DEVICE = "A Device"
GELU = {"activation": pointwise(library.gelu)}
SMALL = Case("small", ((17, 33), (33, 5), (5,)), GELU)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TKERAS_CACHE_DIR", str(tmp_path))
    runtime.forget_tuning()
    yield tmp_path / "tuned"
    runtime.forget_tuning()


def tensors(rows=100):
    return (torch.randn(rows, 64), torch.randn(64, 32), torch.randn(32))


def key(rows=100, trains=False):
    return runtime.call_key(dense, tensors(rows), GELU, trains)


def entry(winner="torch", ratio=1.12):
    return {"winner": winner, "ratio": ratio, "fused_us": 10.0 * ratio, "torch_us": 10.0}


def test_keys_have_classes_of_sizes_and_no_exact_batch():
    assert key(100) == key(128) == "dense float32 128x64,64x32,32 activation=gelu infer"
    assert key(129) != key(128)
    assert key(100, trains=True) != key(100)
    absent = runtime.call_key(dense, (*tensors()[:2], None), {}, False)
    assert absent == "dense float32 128x64,64x32,- infer"


def test_a_layers_call_has_the_key_of_a_case():
    images = (torch.empty(2, 8, 8, 3, device="meta"), torch.empty(3, 3, 3, 4, device="meta"), None)
    case = runtime.call_key(conv, images, {"strides": 2, "padding": "same"}, True)
    told = {"strides": (2, 2), "padding": "same", "dilation_rate": (1, 1), "groups": 1, "activation": None}
    assert runtime.call_key(conv, images, {**told, "data_format": "channels_last"}, True) == case
    assert case == "conv float32 2x8x8x4,4x4x4x4,- padding=same,strides=2 train"
    assert runtime.call_key(conv, images, {"strides": (1, 2)}, True) != case


def test_entries_outlive_the_process(own_cache):
    runtime.remember(DEVICE, {"choices": {key(): entry()}, "configs": {"k": {"warps": 8, "stages": 2}}})
    (file,) = own_cache.glob("*.json")
    runtime.forget_tuning()
    table = _tuned.named_table(DEVICE)
    assert table["choices"][key()]["ratio"] == 1.12
    assert table["configs"]["k"]["warps"] == 8
    assert "\n" in file.read_text().strip()
    assert json.loads(file.read_text())["source"] == store.source_hash()


@pytest.mark.parametrize("change", ["device", "source", "torch", "triton", "format"])
def test_entries_of_other_sources_devices_and_versions_do_not_count(own_cache, change):
    whose = store.identity(DEVICE)
    file = own_cache / "table.json"
    assert store.add(file, whose, {"choices": {"a": entry()}}) is None
    assert store.read(file, whose)["choices"]
    assert not store.read(file, {**whose, change: "another"})["choices"]
    assert store.user_file(whose) != store.user_file({**whose, change: "another"})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"choices": [], "configs": {}}', "\x00\xff"])
def test_a_damaged_table_is_passed_over_with_a_warning_and_replaced(own_cache, text):
    whose = store.identity(DEVICE)
    file = store.user_file(whose)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.warns(UserWarning, match="passed over"):
        assert _tuned.named_table(DEVICE)["choices"] == {}
    with pytest.warns(UserWarning, match="passed over"):
        runtime.remember(DEVICE, {"choices": {"a": entry()}})
    assert store.read(file, whose)["choices"] == {"a": entry()}


def test_a_cache_that_cannot_be_written_counts_for_the_process(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TKERAS_CACHE_DIR", str(blocked))
    with pytest.warns(UserWarning, match="was not written, results count for this process"):
        runtime.remember(DEVICE, {"choices": {"a": entry()}})
    assert _tuned.named_table(DEVICE)["choices"] == {"a": entry()}


def test_writers_at_the_same_time_lose_nothing(own_cache):
    whose, file = store.identity(DEVICE), own_cache / "table.json"

    def write(number):
        for index in range(5):
            assert store.add(file, whose, {"choices": {f"{number} {index}": entry()}}) is None
            assert store.read(file, whose)["choices"]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read(file, whose)["choices"]) == 30
    assert not [*own_cache.glob("*.tmp"), *own_cache.glob(".*.tmp")]


def test_a_writer_that_dies_leaves_the_old_table(own_cache, monkeypatch):
    whose, file = store.identity(DEVICE), own_cache / "table.json"
    store.add(file, whose, {"choices": {"a": entry()}})

    def fails(*paths):
        raise OSError("no space")

    monkeypatch.setattr(store.os, "replace", fails)
    assert store.add(file, whose, {"choices": {"b": entry()}}) == "OSError: no space"
    assert store.read(file, whose)["choices"] == {"a": entry()}
    assert not [*own_cache.glob(".*.tmp")]


@pytest.fixture
def gpu(monkeypatch):
    """Dispatch believes in a GPU, under whose name the tables are."""
    monkeypatch.setattr(_dispatch, "_blocked", lambda device: None)
    monkeypatch.setattr(_dispatch, "device_target", lambda device: runtime.TARGETS["sm_90"])
    monkeypatch.setattr(_tuned, "device_name", lambda device: DEVICE)
    return lambda: _dispatch._fused(dense, given, GELU, given[0], "auto")


given = tensors()


def test_dispatch_says_where_the_library_is_faster(gpu):
    assert gpu() == ("triton", "fused kernel for sm_90")
    runtime.remember(DEVICE, {"choices": {key(): entry()}})
    assert gpu() == ("torch", "cuBLAS 1.12x faster here")
    runtime.remember(DEVICE, {"choices": {key(): entry("fused")}})
    assert gpu().implementation == "triton"
    runtime.remember(
        DEVICE, {"choices": {key(): {"winner": "torch", "torch_us": 1.0, "reason": "wrong: output 0"}}}
    )
    assert gpu() == ("torch", "kernel failed when it was tuned: wrong: output 0")


def test_nothing_is_measured_at_run_time_unless_asked(gpu, monkeypatch):
    measured = []

    def tune_call(operator, tensors, attributes, trains):
        measured.append(runtime.call_key(operator, tensors, attributes, trains))
        runtime.remember(DEVICE, {"choices": {measured[-1]: entry()}})
        return entry()

    monkeypatch.setattr("tkeras_kernels.tuning.tune_call", tune_call)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert gpu().implementation == "triton"
    assert not measured
    runtime.set_tuning(True)
    try:
        assert gpu() == ("torch", "cuBLAS 1.12x faster here")
        assert gpu().implementation == "torch"
        assert measured == [key()]
        with runtime.measuring():
            assert gpu().implementation == "triton"
    finally:
        runtime.set_tuning(False)


class Clock:
    """Seconds by what is running: the library, the kernels as planned, the kernels with other options."""

    def __init__(self, library, planned, others=lambda options: 9.0):
        self.library, self.planned, self.others = library, planned, others
        self.seen = []

    def __call__(self, call):
        tried = _tuned._tried.get()
        self.seen.append(tried)
        call()
        if len(self.seen) == 1:
            return self.library
        return self.others(tried) if tried else self.planned


@interpreted
@pytest.mark.parametrize(
    ("library_time", "winner", "ratio"), [(2.0, "fused", 2.0), (0.5, "torch", 2.0), (0.99, "fused", 0.99)]
)
def test_the_library_is_a_candidate(library_time, winner, ratio):
    with runtime.backend_scope("interpret"):
        trial = tune_case(dense, SMALL, "tf32", True, Clock(library_time, 1.0), "cpu")
    assert trial.choice["winner"] == winner
    assert trial.choice["ratio"] == ratio
    assert trial.key == "dense float32 32x64,64x8,8 activation=gelu train"
    assert not trial.configs


@interpreted
def test_better_options_are_kept_by_kernel():
    def others(tried):
        return min(
            0.5 if options.warps == 8 and "weight_gradient" in key else 1.5 for key, options in tried.items()
        )

    clock = Clock(2.0, 1.0, others)
    with runtime.backend_scope("interpret"):
        trial = tune_case(dense, SMALL, "tf32", True, clock, "cpu")
    ((name, found),) = trial.configs.items()
    assert name.startswith("weight_gradient float32 ")
    assert (found["warps"], found["us"], found["planned_us"]) == (8, 0.5e6, 1e6)
    assert trial.choice["ratio"] == 4.0


@interpreted
def test_wrong_numbers_are_no_candidate(monkeypatch):
    infer = map.forward
    monkeypatch.setattr(map, "forward", lambda *t, **k: (infer(*t, **k)[0] * 1.01, infer(*t, **k)[1]))
    case = Case("one", ((100,),), {"fn": pointwise(library.gelu)})
    with runtime.backend_scope("interpret"):
        trial = tune_case(map, case, "tf32", False, Clock(1.0, 0.1), "cpu")
    assert trial.choice == {"winner": "torch", "torch_us": 1e6, "reason": "wrong: output 0"}


@interpreted
def test_a_table_for_the_package(tmp_path):
    with runtime.backend_scope("interpret"):
        trial = tune_case(dense, SMALL, "tf32", False, Clock(0.5, 1.0), "cpu")
    file = add_to_table(tmp_path / "a.json", DEVICE, [trial], date="2026-01-01", command="a command")
    table = json.loads(file.read_text())
    assert table["command"] == "a command"
    assert table["choices"] == {trial.key: trial.choice}
    with pytest.raises(OSError, match=r"b.json: FileExistsError"):
        add_to_table(file / "b.json", DEVICE, [trial])


def test_options_are_looked_up_by_kernel(monkeypatch):
    class Kernel:
        __name__ = "product"

    monkeypatch.setattr(_tuned, "device_name", lambda device: DEVICE)
    arguments, constants = (torch.zeros(3, dtype=torch.bfloat16), 7), {"ROWS": 64, "EPILOGUE": None}
    planned = runtime.Options(4, 3)

    def options():
        return _tuned.launch_options(Kernel(), torch.zeros(1), arguments, constants, planned)

    assert options() == planned
    name = runtime.launch_key(Kernel(), arguments, constants)
    assert name == "product bfloat16 EPILOGUE=None,ROWS=64"
    runtime.remember(DEVICE, {"configs": {name: {"warps": 8, "stages": 2}}})
    assert options() == runtime.Options(8, 2)
    with runtime.trying({name: runtime.Options(2, 1)}):
        assert options() == runtime.Options(2, 1)


def test_candidates_vary_warps_and_the_stages_of_products():
    from tkeras_kernels.templates._map import map_flat
    from tkeras_kernels.templates._matmul import product

    made = [*_tuner.candidates(runtime.Launch(map_flat, (1,), (), {}, 4, 1))]
    assert made == [(2, 1), (8, 1)]
    made = [*_tuner.candidates(runtime.Launch(product, (1,), (), {}, 8, 3))]
    assert (8, 3) not in made
    assert {(4, 2), (8, 4), (16, 3)} <= {*made}
