"""What is written from the registry and from results: the table of operators, the README's section."""

import json

import pytest

from perf import operators, readme
from tkeras_kernels.operators import Case, Operator, registry


def test_the_table_is_up_to_date():
    hint = "run python -m perf operators --write and review the difference"
    assert operators.FILE.read_text() == operators.table(), hint


def test_every_operator_has_a_line_that_says_what_is_fused():
    lines = operators.table().splitlines()
    for name in registry():
        assert sum(line.startswith(f"| `{name}` |") for line in lines) == 1
    (dense,) = [line for line in lines if line.startswith("| `dense` |")]
    assert "| forward, backward | bf16, fp16, fp32 | x, kernel and y" in dense
    (update,) = [line for line in lines if line.startswith("| `update` |")]
    assert "| forward; has no backward |" in update


def test_what_has_no_kernel_says_why():
    class Plain(Operator):
        """The first of a|b.

        More."""

        name = "plain"
        cases = (Case("one", ((3,),)),)

        def reference(self, *tensors):
            return tensors[0]

    assert operators._line(Plain()) == (
        "| `plain` | The first of a\\|b | no: no fused kernel for this operator yet |  | nothing |\n"
    )


def test_the_readme_has_what_was_measured():
    text = (readme.ROOT / "README.md").read_text()
    hint = "run make perf-readme and review the difference"
    assert readme.with_section(text, readme.section(readme.RESULTS)) == text, hint


def test_a_section_is_made_of_results_and_never_of_nothing(tmp_path):
    assert readme.section(tmp_path) == "Nothing has been measured yet."
    facts = {"command": "a command", "date": "2026-01-01", "torch": "2", "triton": "3", "keras": "missing"}
    place = {"processor": "p", "cores": "2", "threads": "all", "load": "0.1", "device": "CPU"}
    row = {"op": "dense", "kernel": "product", "target": "sm_90", "ok": True, "reason": "", "spill_bytes": 8}
    static = {"environment": facts, "rows": [{**row, "shared_bytes": 2048}, {**row, "kernel": ""}]}
    measured = {"steps_per_second": 3.0, "third_step_seconds": 1.0, "peak_megabytes": 1.0}
    rates = [
        {"contender": name, "tkeras_over_it": ratio, "program_over_it": None, "rounds": 1, **measured}
        for name, ratio in (("tkeras", 1.0), ("torch", 1.5))
    ]
    models = {"models": {"mlp": rates}, "not_measured": [], "rounds": 1, "end": "complete"}
    models["environment"] = facts | place
    summary = {"red": 0, "cases": 0, "worst": None, "geometric_mean": None, "losses": 0}
    kernels = {"environment": facts | place, "summary": summary}
    for name, results in (("static-a", static), ("models-a", models), ("kernels-a", kernels)):
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    text = readme.section(tmp_path)
    assert "(`a command`, 2026-01-01, torch 2, triton 3):" in text
    assert "| sm_90    | 1         | 1           | 0" in text
    assert "torch: 1.50" in text
    assert "Operators on CPU" in text
    with pytest.raises(ValueError, match="Expected <!-- made by"):
        readme.with_section("no marks", "x")
