"""The recurrent operators on a grid that stays resident: one program in the interpreter, which cannot wait."""

import pytest
import torch

from tests.kernels import scan_cases as scans
from tkeras_kernels import runtime
from tkeras_kernels.operators import gru, lstm

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _asked_for():
    runtime.set_grid_scan(True)
    with runtime.backend_scope("interpret"), runtime.planning_for(runtime.INTERPRETER):
        yield
    runtime.set_grid_scan(False)


def route(kind, tensors):
    operator, options = scans.operator_of(kind)
    return operator.route(tuple(tensors), options)


@pytest.mark.parametrize("kind", ["lstm", "gru", "simple_rnn"])
@pytest.mark.parametrize("masked", [True, False])
def test_one_program(kind, masked, monkeypatch):
    monkeypatch.setattr("tkeras_kernels.operators._scan_launch.too_large", lambda *_: "weights are large")
    mask = scans.ragged(3, 4) if masked else None
    tensors = scans.arguments(kind, (3, 4, 2, 9), torch.float32, "cpu", mask=mask, starts=not masked)
    assert "wait for each other at every step" in route(kind, tensors)
    options = {"return_sequences": masked, "go_backwards": not masked}
    scans.check(kind, tensors, zero_output_for_mask=masked, **options)


def test_where_it_is_not_taken():
    """Each program has to be resident, and its products to be of h."""

    def taken(kind, sizes, **options):
        return "wait for each other" in route(
            kind, scans.arguments(kind, sizes, torch.bfloat16, "cpu", **options)
        )

    with runtime.planning_for(runtime.TARGETS["sm_90"]):
        assert taken("lstm", (32, 2, 3, 512))
        assert not taken("lstm", (32, 2, 3, 512), dropped=True)
        assert not taken("lstm", (32, 2, 3, 64)), "the resident kernel is there"
        assert not taken("gru_before", (32, 2, 3, 512))
        assert not taken("lstm", (32, 2, 3, 4096)), "more weights than all multiprocessors hold"
        runtime.set_grid_scan(False)
        assert not taken("lstm", (32, 2, 3, 512))


@pytest.mark.parametrize("operator", [lstm, gru])
def test_no_more_programs_than_multiprocessors(operator):
    kind = operator.name
    for batch, units in ((32, 512), (100, 256), (16, 1024)):
        tensors = scans.arguments(kind, (batch, 2, 3, units), torch.bfloat16, "cpu", starts=False)
        with runtime.recording(runtime.TARGETS["sm_90"]) as launches, torch.no_grad():
            outputs, saved = operator.forward(*tensors)
            operator.backward(saved, outputs, [t is not None for t in tensors])
        grids = [one for one in launches if one.kernel.fn.__name__.startswith("grid")]
        assert len(grids) == 2, (batch, units)
        for one in grids:
            across, down, sets = one.grid
            assert across * down * sets <= 132
