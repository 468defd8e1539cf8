"""``python -m perf static``: gates, comparison with a baseline, roofline; and the gates of every operator."""

import dataclasses
import json

import pytest
import torch

from perf import _roofline, static
from tkeras_kernels import inspect, runtime
from tkeras_kernels.inspect import _reviewed, _static, occupancy
from tkeras_kernels.operators import registry

ROW = {
    "op": "dense",
    "case": "mlp",
    "dtype": "bf16",
    "pass": "forward",
    "kernel": "product",
    "target": "sm_90",
    "registers": 128,
    "spill_bytes": 0,
    "shared_bytes": 1000,
    "wgmma": 4,
    "occupancy": 0.25,
    "ok": True,
    "reason": "",
}


def test_occupancy_is_that_of_the_occupancy_calculator():
    """Checked by hand: 65536 registers, 64 warps, 228 KiB on sm_90; 512 vector registers a lane on gfx942."""
    assert occupancy("sm_90", 32, 0, 4) == 1.0
    assert occupancy("sm_90", 56, 0, 4) == 9 * 4 / 64
    assert occupancy("sm_90", 255, 0, 8) == 8 / 64
    assert occupancy("sm_90", 64, 100_000, 8) == 2 * 8 / 64
    assert occupancy("sm_90", 64, 300_000, 8) == 0.0
    assert occupancy("gfx942", 128, 0, 4) == 4 * 4 / 32
    assert occupancy("gfx942", 64, 40_000, 4) == 4 / 32


def test_bounds_are_time_at_the_ceilings():
    ceilings = _roofline.Ceilings(100.0, 50.0, 2.0, "a test")
    assert _roofline.bound(2 * 10**9, 10**6, "bf16", ceilings) == ("compute", 20.0, 2000.0)
    assert _roofline.bound(2 * 10**9, 10**6, "tf32", ceilings).microseconds == 40.0
    assert _roofline.bound(1000, 4 * 10**6, "bf16", ceilings) == ("memory", 2.0, 1000 / 4e6)


def test_other_ceilings_come_from_a_file(tmp_path):
    file = tmp_path / "ceilings.json"
    file.write_text(json.dumps({"sm_90": {"half": 1.0, "tf32": 0.5, "bandwidth": 0.1, "source": "mine"}}))
    found = _roofline.read_ceilings(file)
    assert found["sm_90"].source == "mine"
    assert found["sm_80"] == _roofline.CEILINGS["sm_80"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ok": False, "reason": "8 bytes spilled"}, "8 bytes spilled"),
        ({"spill_bytes": 16}, "spills 0 -> 16 bytes"),
        ({"wgmma": 0}, "wgmma is gone"),
        ({"registers": 160}, "registers 128 -> 160"),
        ({"occupancy": 0.12}, "occupancy 0.25 -> 0.12"),
    ],
)
def test_what_is_worse_than_the_baseline_is_named(change, text):
    assert static.regressions([ROW], [ROW]) == []
    assert static.regressions([ROW], [ROW | {"registers": 130, "shared_bytes": 2000}]) == []
    (found,) = static.regressions([ROW], [ROW | change])
    assert found == f"dense mlp bf16 forward product sm_90: {text}"
    assert static.regressions([ROW | change], [ROW | change]) == []
    assert static.regressions([], [ROW | change]) == []


def result(**fields):
    return inspect.CompileResult(
        "product", "sm_90", 232448, instructions={"wgmma": 0, "wide_load": 0}, **fields
    )


def test_gates():
    (kernel,) = inspect.operator_kernels(
        registry()["map"], registry()["map"].cases[0], torch.bfloat16, "sm_90"
    )[:1]
    gates = _reviewed.broken_gates
    assert gates(kernel, result(), "bf16") == (["no 16-byte loads"], [])
    assert gates(kernel, result(stack=64, shared=300_000), "bf16")[0][:2] == [
        "300000 bytes of shared memory, sm_90 has 232448",
        "64 bytes spilled",
    ]
    assert [len(found) for found in gates(kernel, result(stack=8), "bf16")] == [1, 1]
    assert gates(kernel, result(error="A\n  b\n c: d\n   ^"), "bf16")[0] == ["A … c: d"]
    product = inspect.operator_kernels(
        registry()["dense"], registry()["dense"].cases[1], torch.bfloat16, "sm_90"
    )[0]
    assert gates(product, result(), "bf16") == (["no wgmma in bf16"], [])
    small = inspect.operator_kernels(
        registry()["dense"], registry()["dense"].cases[0], torch.bfloat16, "sm_90"
    )[0]
    missed, reasons = gates(small, result(), "bf16")
    assert (missed, len(reasons)) == ([], 1)
    assert "wgmma takes 64 rows" in reasons[0]


def test_an_operator_without_a_kernel_says_why():
    class Plain(type(registry()["map"])):
        name = "plain"

        def unsupported(self, tensors, attributes):
            return "no such thing"

    rows = inspect.plan({"plain": Plain()}, ["sm_80"])[1]
    assert {(row.op, row.ok, row.reason) for row in rows} == {("plain", True, "torch: no such thing")}


def test_a_plan_that_fails_is_a_row_and_not_the_end(monkeypatch):
    def fails(*arguments, **options):
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(_static, "operator_passes", fails)
    kernels, rows = inspect.plan({"map": registry()["map"]}, ["sm_90"], quick=True)
    assert not kernels
    assert [(row.ok, row.reason) for row in rows] == [(False, "not planned: RuntimeError: out of ideas")]


def test_products_and_convolutions_are_compiled_in_exact_float32_too():
    operators = {name: registry()[name] for name in ("dense", "conv", "softmax", "attention")}
    for target in static.TARGETS:
        kernels, _ = inspect.plan(operators, [target])
        exact = [kernel for kernel in kernels if kernel.dtype == inspect.EXACT]
        assert {kernel.op for kernel in exact} == {"dense", "conv"}
        assert {kernel.case for kernel in exact} == {
            operators[name].cases[0].name for name in ("dense", "conv")
        }
        for kernel in exact:
            positions = {name: place for place, name in enumerate(kernel.specification.signature)}
            assert dict(kernel.specification.constants)[(positions["PRECISION"],)] == "ieee"
    assert _reviewed.broken_gates(exact[0].specification, result(), "fp32") == ([], [])
    row = {"op": "dense", "case": "mlp_hidden", "dtype": "fp32", "target": "sm_90", "kernel": "product"}
    assert static._roofline(operators, [row], static.read_ceilings(None)) == []


@pytest.mark.compile
def test_the_report_and_its_exit_status(tmp_path, capsys):
    file, base = tmp_path / "a.json", tmp_path / "base.json"
    command = ["--ops", "map", "--targets", "sm_90", "--quick", "--jobs", "1", "--json", str(file)]
    assert static.main([*command, "--base", str(_written(base, []))]) == 0
    output = capsys.readouterr().out
    assert "forward at the ceilings" in output
    assert "nothing became worse" in output
    table = json.loads(file.read_text())
    assert {*table["rows"][0]} == {*ROW}
    assert [(row["op"], row["pass"], row["kernel"]) for row in table["rows"]] == [
        ("map", "backward", "map_flat"),
        ("map", "forward", "map_flat"),
    ]
    assert table["roofline"][0]["bound"] == "memory"
    assert table["environment"]["command"].startswith("python -m perf static --ops map")
    better = [row | {"registers": 8} for row in table["rows"]]
    assert static.main([*command, "--base", str(_written(base, better))]) == 1
    assert "registers 8 ->" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        static.main(["--ops", "no_such_operator"])


def _written(file, rows):
    file.write_text(static.dumped({"date": "2026-01-01"}, rows, []))
    return file


@pytest.mark.compile
def test_every_operator_passes_the_gates_on_hopper():
    """One case of each operator in bf16; ``python -m perf static`` has all of them."""
    kernels, rows = inspect.plan(registry(), ["sm_90"], quick=True)
    rows += inspect.compile_all(kernels, jobs=1)
    assert {row.op for row in rows} == {*registry()}
    assert not [row for row in rows if not row.ok]


def test_the_committed_baseline_is_of_operators_that_exist():
    for file in static.RESULTS.glob("static-triton-*.json"):
        table = json.loads(file.read_text())
        assert {row["op"] for row in table["rows"]} <= {*registry()}
        assert all(row["ok"] for row in table["rows"])
        assert {row["target"] for row in table["rows"]} == {*runtime.TARGETS}


def test_dtypes_of_a_case_are_those_it_names():
    case = dataclasses.replace(registry()["dense"].cases[0], dtypes={2: torch.float64})
    found = inspect.case_tensors(case, torch.bfloat16, "meta")
    assert [tensor.dtype for tensor in found] == [torch.bfloat16, torch.bfloat16, torch.float64]
