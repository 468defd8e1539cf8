"""``python -m perf kernels`` and ``compare``: contenders that cheat, red numbers, schema, pages, noise."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import threading
import time
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from perf import _aims, _honesty, _report, _timing, _vendor, compare, kernels, readme
from perf._contenders import Contest, contest
from perf._honesty import DishonestError, check
from perf._vendor import vendor
from perf._work import work
from tkeras_kernels import runtime
from tkeras_kernels.operators import Case, registry
from tkeras_kernels.runtime import TARGETS, Decision
from tkeras_kernels.tuning import Ceilings

ROUNDS = 3
REACHED = Ceilings(10.0, 20.0)


def reference(x: Any, y: Any) -> Any:
    return x * y + 1


class Cached:
    """Gives the first result again."""

    result: Any = None

    def __call__(self, x: Any, y: Any) -> Any:
        if self.result is None:
            self.result = reference(x, y)
        return self.result


def half(x: Any, y: Any) -> Any:
    """Leaves half of its output as the memory was."""
    out = torch.empty_like(x)
    out[: len(x) // 2] = reference(x, y)[: len(x) // 2]
    return out


class Lazy:
    """Works from its third call on only for show."""

    calls = 0

    def __call__(self, x: Any, y: Any) -> Any:
        self.calls += 1
        if self.calls < 3:
            self.last = reference(x, y)
        return self.last.clone()


def elsewhere(x: Any, y: Any) -> Any:
    """Returns before its output is there, as a kernel in another stream does."""
    out = torch.empty_like(x)
    threading.Thread(target=lambda: (time.sleep(0.05), out.copy_(reference(x, y)))).start()
    return out


def greedy(x: Any, y: Any) -> Any:
    """Uses its input as memory."""
    return x.mul_(y).add_(1)


def narrow(x: Any, y: Any) -> Any:
    """Computes in half precision."""
    return reference(x.half(), y.half()).float()


def broken(x: Any, y: Any) -> Any:
    raise RuntimeError("no kernel image")


CHEATS: dict[str, tuple[Any, str]] = {
    "cached": (Cached, "wrong numbers on call 2, with other inputs"),
    "half": (lambda: half, "wrong numbers"),
    "lazy": (Lazy, "wrong numbers on call 3"),
    "elsewhere": (lambda: elsewhere, "wrong numbers"),
    "greedy": (lambda: greedy, "changes its inputs"),
    "narrow": (lambda: narrow, "wrong numbers"),
}


def inputs() -> list[torch.Tensor | None]:
    return [torch.randn(100, 3), torch.randn(3)]


def test_an_honest_contender_passes() -> None:
    (error,) = check("honest", reference, reference, inputs())
    assert error.ours == error.theirs
    half_precision = [torch.randn(100, 3).bfloat16(), torch.randn(3).bfloat16()]
    assert check("half precision", reference, reference, half_precision)


@pytest.mark.parametrize("cheat", CHEATS)
def test_cheats_are_found(cheat: str) -> None:
    make, text = CHEATS[cheat]
    with pytest.raises(DishonestError, match=f"^it:? {text}"):
        check("it", make(), reference, inputs())
    time.sleep(0.1 if cheat == "elsewhere" else 0)


def match(contenders: dict[str, Any]) -> Contest:
    ours = Decision("torch", "a test")
    return Contest("op", "case", "fp32", "forward", inputs(), reference, ours, 100, 200, False, contenders)


@pytest.mark.parametrize("cheat", [*CHEATS, "broken"])
def test_red_numbers_have_no_speed(cheat: str) -> None:
    call = broken if cheat == "broken" else CHEATS[cheat][0]()
    found = match({"tkeras": call, "torch": reference})
    ours, theirs = kernels.measured(found, ROUNDS, "cpu", REACHED)
    assert ours["red"]
    assert not {"us", "ratio", "copy_share"} & ours.keys()
    assert theirs["red"] is None
    assert theirs["us"]["n"] == ROUNDS
    assert kernels.summary([ours, theirs])["red"] == 1
    time.sleep(0.1 if cheat == "elsewhere" else 0)


@pytest.mark.compile
def test_ours_come_with_what_the_compiler_made_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tkeras_kernels.runtime.target_for", lambda tensor: TARGETS["sm_90"])
    ours = Decision("triton", "a test")
    found = Contest("map", "gelu", "bf16", "forward", [torch.ones(3)], reference, ours, 1, 1, False)
    (kernel,) = kernels.compiled(found)
    assert kernel["kernel"] == "map_flat"
    assert kernel["registers"] > 0
    assert kernel["spill_bytes"] == 0
    found.ours = Decision("torch", "a test")
    assert kernels.compiled(found) == []


class Tired:
    """Is right until it has been timed, and then no more."""

    calls = 0

    def __call__(self, x: Any, y: Any) -> Any:
        self.calls += 1
        return reference(x, y) if self.calls <= 4 else torch.zeros_like(x)


def test_numbers_are_checked_again_after_the_time_was_taken() -> None:
    ours, _ = kernels.measured(match({"tkeras": Tired(), "torch": reference}), ROUNDS, "cpu", REACHED)
    assert "after it was timed" in ours["red"]
    assert "us" not in ours


def test_times_are_interleaved_and_counted() -> None:
    order: list[str] = []
    calls = {name: (lambda name=name: (order.append(name), time.sleep(0.002))) for name in "ab"}
    found = _timing.interleaved(calls, ROUNDS, "cpu")
    assert {*found} == {"a", "b"}
    assert found["a"].n == ROUNDS
    assert 2000 <= found["a"].p20 <= found["a"].p50 <= found["a"].p80
    assert _timing.percentiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2e6, 3e6, 5e6, 5)


@pytest.fixture(scope="module")
def results() -> Any:
    options = kernels._parse(["--quick", "--ops", "sigmoid_cross_entropy", "dropout", "map", "--rounds", "3"])
    return kernels.run(options, "cpu", {"device": "CPU", "torch": "x", "command": "<b>"})


ROW_KEYS = {
    "op", "case", "dtype", "pass", "shapes", "layout", "contender", "reason", "red", "flops", "bytes", "us", "error",
    "torch_error", "ratio", "cached", "copy_share", "product_share", "kernels",
}  # fmt: skip


def test_the_schema_is_stable(results: Any) -> None:
    assert {*json.loads(json.dumps(results))} == {
        "schema",
        "environment",
        "ceilings",
        "rows",
        "summary",
        "not_measured",
    }
    assert results["schema"] == kernels.SCHEMA == 1
    assert {*results["ceilings"]["fp32"]} == {"copy", "product"}
    assert [{*row} for row in results["rows"]] == [ROW_KEYS] * 2
    assert {*results["summary"]} == {"cases", "red", "worst", "geometric_mean", "losses"}
    ours = results["rows"][0]
    assert ours["reason"] == "torch: no GPU: tensors on cpu"
    assert ours["us"]["p50"] > 0
    assert all(
        {*entry} == {"op", "case", "dtype", "pass", "what", "reason"} for entry in results["not_measured"]
    )


def test_it_says_what_it_could_not_measure(results: Any) -> None:
    text = _report.markdown(results)
    assert "are for a GPU (map gelu)" in text
    assert "torch in a graph: no GPU" in text
    assert "dropout" in text.split("Not measured")[1]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, value in attrs if not (value or "").startswith("#")}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(results: Any) -> None:
    text = _report.html(results)
    page = Page()
    page.feed(text)
    assert page.tags.count("table") == 2
    assert page.tags.count("tr") >= 1 + len(results["rows"])
    assert "<b>" in page.text
    assert any("Worst: sigmoid_cross_entropy" in part for part in page.text)
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    assert len([*ElementTree.fromstring(svg).iter()]) > 50


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MEASURE = """<script>
const seen = (tag) => [...document.querySelectorAll(tag)].map((e) => e.getBoundingClientRect())
    .filter((box) => box.width > 100 && box.height > 10).length;
document.title = ["table", "svg", "tr"].map(seen).join(" ");
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser (apt install chromium)")
def test_a_browser_shows_the_tables_and_the_picture(results: Any, tmp_path: Any) -> None:
    page = tmp_path / "page.html"
    page.write_text(_report.html(results) + MEASURE)
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    tables, pictures, rows = map(int, shown.split("<title>")[1].split("</title>")[0].split())
    assert (tables, pictures) == (2, 1)
    assert rows >= 1 + len(results["rows"])


def test_red_and_lost_cases_come_first(results: Any) -> None:
    changed = copy.deepcopy(results)
    red = {**changed["rows"][0], "op": "zzz", "red": "it: wrong numbers"}
    for key in ("us", "ratio", "error"):
        del red[key]
    changed["rows"].append(red)
    changed["summary"] = kernels.summary(changed["rows"])
    assert _report.lines(changed)[0]["op"] == "zzz"
    assert _report.lines(changed)[0]["µs p20 / p50 / p80"] == "red"
    assert _report.summary_text(changed)[0].startswith("1 of 2 cases are red")


def row(ratio: float, op: str = "a", spread: float = 0.02, **more: Any) -> dict[str, Any]:
    us = {"p20": 100 * (1 - spread / 2), "p50": 100.0, "p80": 100 * (1 + spread / 2), "n": 9}
    place = {"op": op, "case": "c", "dtype": "bf16", "pass": "forward"}
    return {**place, "contender": "tkeras", "red": None, "us": us, "ratio": ratio, **more}


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (row(1.0), "same"),
        (row(0.97), "same"),
        (row(0.9), "slower"),
        (row(1.2), "faster"),
        (row(0.9, spread=0.2), "same"),
        (row(1.0, red="wrong"), "red"),
    ],
)
def test_changes_beyond_the_noise_count(after: Any, verdict: str) -> None:
    (line,) = compare.compare({"rows": [row(1.0)]}, {"rows": [after]})
    assert line["verdict"] == verdict


def test_compare_prints_what_changed(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for name, rows, torch_version in (
        ("a", [row(1.0), row(1.0, "gone")], "1"),
        ("b", [row(0.5), row(1.0, "new")], "2"),
    ):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"schema": 1, "environment": {"torch": torch_version}, "rows": rows}))
        files.append(str(file))
    assert compare.main(files) == 1
    output = capsys.readouterr().out
    assert "torch differs: 1 and 2" in output
    assert "+100.0%" in output
    assert "1 slower, 0 red, 0 faster, 0 same, 1 new, 1 gone" in output
    assert compare.main([files[0], files[0]]) == 0
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    with pytest.raises(SystemExit):
        compare.main([files[0], str(wrong)])
    assert "expected results of python -m perf kernels" in capsys.readouterr().err


def test_losses_are_those_beyond_the_noise() -> None:
    def pair(ratio: float, op: str) -> list[dict[str, Any]]:
        return [row(ratio, op), {**row(1.0, op), "contender": "torch"}]

    found = kernels.summary([*pair(0.99, "a"), *pair(0.8, "b"), *pair(2.0, "c")])
    assert found["losses"] == 1
    assert found["worst"]["op"] == "b"
    assert found["geometric_mean"] == pytest.approx((0.99 * 0.8 * 2.0) ** (1 / 3))


def test_inputs_are_valid_and_positive_where_they_must_be() -> None:
    labels = contest(
        registry()["sparse_softmax_cross_entropy"],
        Case("small", ((5,), (5, 3)), dtypes={0: torch.int64}),
        "fp32",
        "forward",
        "cpu",
        compiled=False,
    )
    assert isinstance(labels, Contest)
    assert labels.inputs[0] is not None
    assert int(labels.inputs[0].max()) < 3
    case = Case("small", ((8, 4), (4,), (4,), (4,), (4,)), {"training": False})
    found = contest(registry()["batch_norm"], case, "fp32", "forward", "cpu", compiled=False)
    assert isinstance(found, Contest)
    assert found.positive
    result = _honesty.tuple_of(found.reference(*found.inputs))[0]
    assert result is not None
    assert not result.isnan().any()
    _honesty.redraw(found.inputs, positive=True)
    assert float(min(tensor.min() for tensor in found.inputs if tensor is not None)) >= 0


def trained(rates: tuple[float, ...], yardstick: tuple[float, ...], red: bool = False) -> dict[str, Any]:
    values = {"tkeras": rates, "keras torch": yardstick}
    rows = [{"contender": name, "values": list(found)} for name, found in values.items()]
    missing = [{"model": "mlp", "what": "tkeras", "reason": "red"}] if red else []
    return {"schema": 2, "models": {"mlp": rows[1:] if red else rows}, "not_measured": missing}


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (trained((100.0, 102.0, 98.0), (10.0, 10.2, 9.8)), "same"),
        (trained((50.0, 51.0, 49.0), (5.0, 5.1, 4.9)), "same"),  # a slower machine
        (trained((50.0, 50.0, 50.0), (10.0, 10.0, 10.0)), "slower"),
        (trained((50.0, 100.0, 150.0), (10.0, 10.0, 10.0)), "same"),  # noise
        (trained((200.0, 200.0, 200.0), (10.0, 10.0, 10.0)), "faster"),
        (trained((200.0,), (10.0,)), "same"),  # one round alone has no noise that is known
        (trained((), (10.0,), red=True), "red"),
    ],
)
def test_training_is_compared_relative_to_a_yardstick(after: Any, verdict: str) -> None:
    before = trained((100.0, 100.0, 100.0), (10.0, 10.0, 10.0))
    (line,) = compare.compare(before, after)
    assert (line["model"], line["contender"], line["verdict"]) == ("mlp", "tkeras", verdict)
    assert ("unknown" in compare.table([line])) == (after["models"]["mlp"][0]["values"] == [200.0])
    with pytest.raises(ValueError, match="of one kind"):
        compare.compare(before, {"rows": []})


BARE: dict[str, tuple[Case, str]] = {
    "mm": (Case("small", ((3, 5, 7), (7, 4), (4,))), "dense"),
    "bmm": (Case("small", ((2, 5, 7), (2, 7, 4))), "matmul"),
    "conv": (Case("small", ((2, 8, 9, 3), (3, 3, 3, 4), (4,)), {"padding": "same"}), "conv"),
    "grouped": (Case("small", ((2, 8, 4), (2, 2, 6), None), {"groups": 2, "strides": 2}), "conv"),
    "lstm": (Case("small", ((3, 4, 5), (5, 24), (6, 24), (24,))), "lstm"),
    "gru": (Case("small", ((3, 4, 5), (5, 18), (6, 18), (2, 18))), "gru"),
    "rnn": (Case("small", ((3, 4, 5), (5, 6), (6, 6), (6,))), "simple_rnn"),
    "batch norm": (Case("small", ((4, 3, 3, 5), (5,), (5,), (5,), (5,)), {"training": True}), "batch_norm"),
    "layer norm": (Case("small", ((4, 3, 5), (5,), (5,)), {"axis": -1}), "layer_norm"),
    "group norm": (Case("small", ((4, 3, 3, 6), (6,), (6,)), {"groups": 2}), "group_norm"),
}


@pytest.mark.parametrize("name", BARE)
def test_the_bare_call_is_the_librarys(name: str) -> None:
    """Its gradients are those that torch's autograd finds for its own forward, on inputs of its own."""
    case, operator = BARE[name]
    ways = [vendor(operator, case, torch.float64, pass_, "cpu") for pass_ in ("forward", "backward")]
    forward, both = ways
    assert not isinstance(forward, str)
    assert not isinstance(both, str)
    *given, dy = both.inputs
    leaves = [tensor.detach().requires_grad_() for tensor in given if tensor is not None]
    y, *gradients = both.call(*both.inputs)
    again = forward.call(*given)
    torch.testing.assert_close(y, again)
    plan = _vendor._PLANS[operator](case, "cpu")
    assert not isinstance(plan, str)
    wanted = torch.autograd.grad(plan.forward(*leaves), leaves, dy)
    for ours, theirs in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    found = contest(registry()[operator], case, "fp32", "backward", "cpu", compiled=False)
    assert isinstance(found, Contest)
    assert kernels._checked("bare vendor call", "bare vendor call", found) is not None


def test_calls_that_the_library_does_not_have() -> None:
    uneven = Case("small", ((2, 8, 8, 3), (3, 3, 3, 4), None), {"padding": "same", "strides": 2})
    assert "one side more" in str(vendor("conv", uneven, torch.float32, "forward", "cpu"))
    assert "no bare call" in str(vendor("map", Case("small", ((3,),)), torch.float32, "forward", "cpu"))


def test_random_operators_have_a_seed_where_kernels_draw() -> None:
    case = Case("small", ((40, 50),), {"rate": 0.5})
    assert "torch draws other numbers" in str(
        contest(registry()["dropout"], case, "fp32", "forward", "cpu", compiled=False)
    )
    with runtime.backend_scope("interpret"):
        found = contest(registry()["dropout"], case, "fp32", "backward", "cpu", compiled=False)
        assert isinstance(found, Contest)
        assert kernels._checked("tkeras", "tkeras", found) is not None
        assert kernels._checked("torch", "torch", found) is None
        call = found.contenders["tkeras"]
        assert torch.equal(call(*found.inputs)[0], call(*found.inputs)[0])
        assert not torch.equal(found.contenders["torch"](*found.inputs)[0], call(*found.inputs)[0])


def test_work_of_both_passes() -> None:
    dense = Case("small", ((8, 16), (16, 4), (4,)), {"activation": None})
    flops, moved = work(registry()["dense"], dense, "fp32", "forward")
    twice, more = work(registry()["dense"], dense, "fp32", "backward")
    assert flops
    assert moved
    assert twice == 3 * flops
    kept, gradients = 8 * 16 + 16 * 4, 8 * 4 + 8 * 16 + 16 * 4 + 4
    assert more == moved + 4 * (kept + gradients)
    drop = Case("small", ((1000,),), {"rate": 0.5})
    _, moved = work(registry()["dropout"], drop, "fp32", "backward")
    assert moved == 4 * 4 * 1000 + 8  # the seed alone is kept


def test_shares_of_a_copy_are_not_those_of_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "cache_bytes", lambda device: 300)
    found = match({"tkeras": reference, "torch": reference})
    ours, _ = kernels.measured(found, ROUNDS, "cpu", REACHED)
    assert (ours["cached"], ours["copy_share"]) == (True, None)
    assert _report._line(ours)["% of copy"] == "cached"
    found.bytes = 400
    ours, _ = kernels.measured(found, ROUNDS, "cpu", REACHED)
    assert ours["copy_share"] == pytest.approx(400 / (ours["us"]["p50"] * 1e3) / REACHED.copy)
    assert _timing.cache_bytes("cpu") >= 1 << 18


def test_aims_stand_beside_what_a_gpu_measured(tmp_path: Any, results: Any) -> None:
    """The worst case of each counts, missed ones come first; a CPU has no such aims."""

    def both(op: str, case: str, pass_: str, ours: float, **more: Any) -> list[dict[str, Any]]:
        place = {"op": op, "case": case, "dtype": "bf16", "pass": pass_, "red": None, "reason": "", **more}
        times = {"tkeras": ours, "torch": 100.0, "bare vendor call": 50.0}
        empty = {"flops": None, "bytes": None, "shapes": [], "layout": "", "error": None, "torch_error": None}
        return [
            {**place, **empty, "contender": name, "us": {"p20": us, "p50": us, "p80": us, "n": 3}}
            for name, us in times.items()
        ]

    rows = [
        *both("lstm", "char", "forward", 80.0),
        *both("lstm", "siamese", "forward", 25.0),
        *both("dense", "transformer_up", "forward", 50.0),
        *both("layer_norm", "wide", "forward", 50.0, copy_share=0.8),
        *both("layer_norm", "tabular", "forward", 50.0, copy_share=0.1),
    ]
    found = {**results, "rows": rows, "environment": {**results["environment"], "device": "GPU", "date": "d"}}
    text = [" ".join(row.values()) for row in _aims.kernel_aims(found)]
    assert text == [
        "LSTM forward ≥ 2.00 x torch 1.25 (char bf16) missed",
        "layer norm forward ≥ 0.90 of a copy 0.80 (wide bf16) missed",
        "dense with bias and activation forward ≥ 1.05 x torch 2.00 (transformer_up bf16) reached",
        "dense forward ≥ 0.97 x bare vendor call 1.00 (transformer_up bf16) reached",
    ]
    assert "1.25 (char bf16)" in _report.markdown(found)
    assert "1.25 (char bf16)" in _report.html(found)
    (tmp_path / "kernels-gpu.json").write_text(json.dumps(found))
    assert "1.25 (char bf16)" in readme.section(tmp_path)
    assert _aims.kernel_aims(results) == []
