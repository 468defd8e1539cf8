"""Tiles by measurement: what is tried, what is kept, and where it counts; with a clock of the test's own."""

import dataclasses
import json

import pytest
import torch

from tests.kernels.test_tuning import DEVICE, SMALL, own_cache  # noqa: F401 - a fixture
from tkeras_kernels import runtime
from tkeras_kernels.operators import Case, attention, conv, dense, dropout, softmax
from tkeras_kernels.runtime import _tuned_tiles
from tkeras_kernels.templates import _attention_tiles, _conv_tiles, _row_tiles, _tiles
from tkeras_kernels.tuning import _tuner, add_to_table, tune_case
from tkeras_kernels.tuning._neighbours import neighbours

SM_90 = runtime.TARGETS["sm_90"]
interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="this process compiles kernels")
ASKED = [
    (_tiles.choose, ("forward", "half", 4096, 1024, 1024)),
    (_tiles.choose, ("weight", "tf32", 1024, 1024, 4096, 1, _tiles.Held(dropout=True))),
    (_conv_tiles.choose, ("back", "half", False, 10_000, 128, 256, 1)),
    (_attention_tiles.choose, ("forward", "half", 64, False, 512, 512)),
    (_attention_tiles.choose, ("keys", "tf32", 128, True, 512, 512)),
    (_row_tiles.choose, (1, 10_000, 768, 2, False)),
    (_row_tiles.choose, (1, 10_000, 100_000, None, False)),
]


def plan_of(choose, facts, target=SM_90):
    with runtime.noting_plans() as plans:
        choose(target, *facts)
    (plan,) = plans.values()
    return plan


@pytest.mark.parametrize(("choose", "facts"), ASKED)
def test_neighbours_are_half_or_twice_a_side_and_fit(choose, facts):
    plan = plan_of(choose, facts)
    found = [*neighbours(plan)]
    assert found
    for fields in found:
        tiles = runtime.replaced(plan.tiles, fields)
        (side,) = [name for name in fields if name != "persistent"] or [None]
        if side is not None:
            assert getattr(tiles, side) in (getattr(plan.tiles, side) // 2, getattr(plan.tiles, side) * 2)
        assert tiles != plan.tiles
        assert not getattr(tiles, "persistent", False)
        assert not getattr(tiles, "whole", False) or tiles.columns == plan.tiles.columns
    assert len({tuple(sorted(fields.items())) for fields in found}) == len(found)


def test_what_cannot_fit_the_shared_memory_is_not_compiled():
    plan = plan_of(*ASKED[0])
    small = plan._replace(target=dataclasses.replace(SM_90, shared=100 * 1024))
    wide = [f for f in neighbours(plan) if f not in [*neighbours(small)]]
    assert {"inner": 128} in wide
    assert all(side > getattr(plan.tiles, name) for f in wide for name, side in f.items())
    none = plan._replace(target=dataclasses.replace(SM_90, shared=0))
    assert [*neighbours(none)] == []
    heads = plan_of(_attention_tiles.choose, ("forward", "half", 256, False, 512, 512))
    few = heads._replace(target=dataclasses.replace(SM_90, shared=80 * 1024))
    assert [*neighbours(few)] == [{"rows": 32}, {"keys": 32}][: len([*neighbours(few)])]


def test_keys_name_facts_and_have_classes_of_sizes():
    assert plan_of(*ASKED[1]).key == (
        "matmul way=weight kind=tf32 rows=1024 columns=1024 inner=4096 batches=1 held=dropout"
    )
    assert (
        plan_of(*ASKED[2]).key
        == "conv way=back kind=half uneven=False rows=16384 columns=128 inner=256 copies=1"
    )
    assert plan_of(*ASKED[5]).key == "rows outer=1 inner=16384 columns=1024 held=2 across=False"
    batches = (plan_of(_tiles.choose, ("forward", "half", rows, 256, 256)).key for rows in (100, 128, 129))
    first, same, other = batches
    assert first == same != other


def test_measured_tiles_count_on_their_device_alone(own_cache, monkeypatch):  # noqa: F811
    choose, facts = ASKED[0]
    plan, here = plan_of(choose, facts), dataclasses.replace(SM_90, device=DEVICE)
    runtime.remember(DEVICE, {"tiles": {plan.key: {"rows": 64, "columns": 256, "us": 1.0}}})
    runtime.forget_tuning()
    assert choose(here, *facts) == plan.tiles._replace(rows=64, columns=256)
    assert choose(SM_90, *facts) == plan.tiles
    assert choose(dataclasses.replace(here, device="another"), *facts) == plan.tiles
    assert choose(here, "input", *facts[1:]) == choose(SM_90, "input", *facts[1:])
    with runtime.measuring():
        assert choose(here, *facts) == plan.tiles
    with runtime.trying_tiles({plan.key: {"rows": 32}}):
        assert choose(SM_90, *facts) == plan.tiles._replace(rows=32)


class Clock:
    """Seconds by the tiles that are tried; the first call is the library's."""

    def __init__(self, others):
        self.others, self.seen, self.first = others, [], True

    def __call__(self, call):
        call()
        tried = _tuned_tiles._tried.get()
        if self.first:
            self.first = False
            return 2.0
        if not tried:
            return 1.0
        self.seen.append(tried)
        return min(self.others(key, entry) for key, entry in tried.items())


@interpreted
def test_better_tiles_are_kept_with_what_was_asked(tmp_path):
    def others(key, entry):
        return 0.5 if "way=weight" in key and entry["rows"] == 32 else 1.5

    clock = Clock(others)
    with runtime.backend_scope("interpret"):
        trial = tune_case(dense, SMALL, "tf32", True, clock, "cpu")
    ((key, entry),) = trial.tiles.items()
    assert key == "matmul way=weight kind=ieee rows=64 columns=8 inner=32 batches=1 held=narrow"
    assert (entry["rows"], entry["us"], entry["planned_us"]) == (32, 0.5e6, 1e6)
    assert trial.choice["ratio"] == 4.0
    assert not trial.configs
    assert {plan.split()[1] for tried in clock.seen for plan in tried} >= {"way=forward", "way=weight"}
    file = add_to_table(tmp_path / "a.json", DEVICE, [trial], date="2026-01-01", command="a command")
    assert json.loads(file.read_text())["tiles"] == {key: entry}


@interpreted
def test_tiles_that_give_wrong_numbers_are_dropped(monkeypatch):
    real = _tuner._wrong
    monkeypatch.setattr(_tuner, "_wrong", lambda *a: ["output 0"] if _tuned_tiles._tried.get() else real(*a))
    with runtime.backend_scope("interpret"):
        trial = tune_case(dense, SMALL, "tf32", False, Clock(lambda key, entry: 0.1), "cpu")
    assert trial.tiles == {}
    assert trial.choice["fused_us"] == 1e6


@interpreted
@pytest.mark.parametrize(
    ("operator", "case"),
    [
        (conv, Case("small", ((1, 4, 5, 16), (2, 2, 16, 20), (20,)), {"padding": "same"})),
        (attention, Case("small", ((1, 40, 1, 16),) * 3, {"causal": True})),
        (softmax, Case("small", ((37, 50),), {"axis": -1})),
    ],
    ids=["conv", "attention", "rows"],
)
def test_every_neighbour_gives_the_same_numbers(operator, case):
    """The clock runs what is tried, and the winner is checked again."""
    tensors = [torch.randn(shape) for shape in case.shapes]
    with runtime.backend_scope("interpret"):
        plans = _tuner._plans(operator, tensors, case.attributes, True)
        assert plans
        for plan in plans:
            for fields in [*neighbours(plan)][:2]:
                entry = runtime.replaced(plan.tiles, fields)._asdict()
                with runtime.trying_tiles({plan.key: entry}):
                    assert _tuner._wrong(operator, tensors, case.attributes) == []


@interpreted
def test_operators_that_draw_are_timed_beside_torchs_own_numbers(monkeypatch):
    seeds = []
    plain = dropout.reference
    monkeypatch.setattr(dropout, "reference", lambda *t, **k: seeds.append(k.get("seed")) or plain(*t, **k))
    with runtime.backend_scope("interpret"):
        trial = tune_case(
            dropout, Case("small", ((50,),), {"rate": 0.5}), "tf32", False, Clock(lambda *a: 1.0), "cpu"
        )
    assert not isinstance(trial, str)
    assert trial.key == "dropout float32 64 infer"
    assert trial.choice["winner"] == "fused"
    assert seeds[0] is None
    assert all(seed is not None for seed in seeds[1:])
