"""Normalizations on their Triton kernels, run by the interpreter."""

import pytest
import torch

from tests.kernels import norm_cases as cases
from tests.kernels.fused_cases import ACTIVATIONS, DTYPES
from tests.kernels.row_cases import MANY
from tkeras_kernels import library, runtime
from tkeras_kernels.inspect import cross_compile, operator_kernels
from tkeras_kernels.operators import (
    Case,
    batch_norm,
    deviation_norm,
    group_norm,
    layer_norm,
    rms_norm,
    unit_norm,
)
from tkeras_kernels.pointwise import pointwise

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.fixture
def many():
    """Multiprocessors enough for rows to be shared among programs."""
    with runtime.planning_for(MANY):
        yield


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), cases.ROW_AXES)
def test_rows(shape, axis, dtype):
    cases.check_rows(shape, axis, dtype, "cpu")


def test_rows_shared_among_programs(many):
    cases.check_rows((300, 17), -1, "fp32", "cpu", "gelu")
    cases.check_rows((100, 2100), -1, "fp32", "cpu", "gelu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rows_with_activation(activation):
    cases.check_rows((17, 100), -1, "fp32", "cpu", activation)


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "own"])
def test_rows_walked_in_steps_with_activation(activation):
    cases.check_rows((3, 5000), -1, "bf16", "cpu", activation)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_with_float32_parameters(dtype):
    cases.check_rows((17, 100), -1, dtype, "cpu", "none", "fp32")


def test_rows_shorter_than_epsilon():
    cases.check_short_rows("cpu")


def test_rows_without_parameters():
    cases.check_rows_bare("cpu")


def test_layouts_of_rows():
    cases.check_rows_layouts("cpu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("shape", "axis"), cases.BATCHES)
def test_batch(shape, axis, training, dtype, many):
    cases.check_batch(shape, axis, dtype, "cpu", training)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("training", [True, False])
def test_batch_with_activation(training, activation):
    cases.check_batch((3, 5, 7, 17), -1, "fp32", "cpu", training, activation)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_with_a_mask(dtype, many):
    cases.check_masked_batch((17, 129), -1, dtype, "cpu")


@pytest.mark.parametrize(("shape", "axis"), [((3, 5, 7, 100), 1), ((2, 5, 4, 3), 2), ((300, 1), 0)])
def test_batch_with_a_mask_by_strides(shape, axis):
    cases.check_masked_batch(shape, axis, "fp32", "cpu")


def test_batch_with_a_mask_and_activation_and_layouts():
    cases.check_masked_batch((3, 40, 17), -1, "fp32", "cpu", "gelu")
    cases.check_masked_layouts("cpu")


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_given_statistics(dtype):
    cases.check_given_statistics(dtype, "cpu")
    cases.check_given_statistics(dtype, "cpu", "gelu")


def test_batch_without_parameters_and_layouts():
    cases.check_batch_bare("cpu")


def test_variance_of_a_large_mean():
    cases.check_variance_of_a_large_mean("cpu")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis", "groups"), cases.GROUPS)
def test_groups(shape, axis, groups, dtype, many):
    cases.check_group(shape, axis, groups, dtype, "cpu")


@pytest.mark.parametrize(("shape", "axis", "groups"), cases.WIDE_GROUPS)
def test_groups_of_more_channels_than_are_joined_at_once(shape, axis, groups, many):
    cases.check_group(shape, axis, groups, "fp32", "cpu")


@pytest.mark.parametrize("activation", ["relu", "gelu", "own"])
def test_groups_with_activation(activation):
    cases.check_group((3, 5, 7, 12), -1, 3, "fp32", "cpu", activation)


def test_groups_without_parameters_and_layouts():
    cases.check_group_bare("cpu")


def test_same_bits_twice(many):
    cases.check_same_bits_of_norms("cpu")


def test_large_offsets():
    cases.check_large_offsets_of_norms("cpu")


def kernels(operator, tensors, attributes, needs):
    """Names of what forward and backward launch."""
    with runtime.recording(runtime.TARGETS["sm_90"]) as launches:
        outputs, saved = operator.forward(*tensors, **attributes)
        forward = len(launches)
        gradients = outputs if isinstance(outputs, tuple) else (outputs,)
        operator.backward(saved, gradients, needs, **attributes)
    names = [launch.kernel.fn.__name__ for launch in launches]
    return names[:forward], names[forward:]


def meta(*shapes):
    return [torch.empty(shape, device="meta") for shape in shapes]


def test_only_asked_gradients_are_computed():
    x, gamma, beta = meta((512, 768), (768,), (768,))
    whole = kernels(layer_norm, (x, gamma, beta), {}, (True, True, True))
    assert whole == (["normalize_rows"], ["normalize_rows_backward", "reduce_rows"])
    frozen = kernels(layer_norm, (x, gamma, beta), {}, (True, False, False))
    assert frozen[1] == ["normalize_rows_backward"]
    x, gamma = meta((512, 50_000), (50_000,))
    assert kernels(layer_norm, (x, gamma), {}, (True, False))[1] == ["normalize_long_rows_backward"]
    assert kernels(layer_norm, (x, gamma), {}, (False, True))[1] == ["channel_sums"]
    tensors = meta((32, 28, 28, 64), (64,), (64,), (64,), (64,))
    needs = (True, False, False, False, False)
    assert kernels(batch_norm, tensors, {}, needs) == (["channel_normalize"], ["channel_backward"])
    trained = kernels(batch_norm, tensors, {"training": True}, needs)
    assert trained[0] == ["channel_moments", "join_moments", "channel_normalize"]
    assert trained[1] == ["channel_sums", "reduce_rows", "channel_backward"]
    mask = torch.empty((32, 28, 28), dtype=torch.bool, device="meta")
    assert kernels(batch_norm, (*tensors, mask), {"training": True}, (*needs, False)) == trained
    (x,) = meta((512, 768))
    assert kernels(unit_norm, (x,), {}, (True,)) == (["normalize_rows"], ["normalize_rows_backward"])


def test_saves_input_and_statistics():
    x = cases.moved((17, 100), "fp32", "cpu")
    _, (kept, _, _, mean, rstd) = layer_norm.forward(x)
    assert kept is x
    torch.testing.assert_close(mean, x.mean(1))
    torch.testing.assert_close(rstd, (x.var(1, correction=0) + 1e-3).rsqrt())
    _, (_, _, _, mean, rms) = rms_norm.forward(x)
    assert mean is None
    torch.testing.assert_close(rms, (x.square().mean(1) + 1e-6).rsqrt())


def test_an_untraceable_activation_follows_as_torch_code():
    def branches(value):
        return value if value.sum() > 0 else -value

    activation = pointwise(branches)
    for operator in (layer_norm, batch_norm):
        kept, epilogue = operator.split({"activation": activation})
        assert kept["activation"] is None
        assert epilogue is not None
        assert "torch code" in operator.remark({"activation": activation})
    y, mean, variance = epilogue((torch.ones(2), torch.zeros(1), torch.zeros(1)))
    assert y.tolist() == [1.0, 1.0]
    assert mean.tolist() == variance.tolist() == [0.0]


def test_moving_statistics_pass_their_gradient_on_outside_training():
    x, gamma = cases.moved((17, 3), "fp32", "cpu"), torch.ones(3)
    _, saved = batch_norm.forward(x, gamma, None, gamma, gamma)
    nothing, needs = torch.zeros_like(x), (False, False, False, True, True)
    found = batch_norm.backward(saved, (nothing, gamma, 2 * gamma), needs)
    assert found[:3] == (None, None, None)
    assert torch.equal(found[3], gamma)
    assert torch.equal(found[4], 2 * gamma)


def test_what_goes_to_torch_and_what_is_refused():
    x, gamma = torch.ones(2, 3, 4), torch.ones(4)
    assert layer_norm.unsupported((x, gamma), {}) is None
    assert layer_norm.unsupported((x.double(), gamma), {}) == "no fused kernel for float64"
    assert layer_norm.unsupported((x, gamma[:3]), {}) == "shapes do not fit"
    assert layer_norm.unsupported((x[..., :0],), {}) == "nothing to normalize over"
    assert rms_norm.unsupported((torch.ones(()),), {}) == "no axis"
    statistics = (gamma, gamma, gamma, gamma)
    assert batch_norm.unsupported((x, *statistics), {}) is None
    assert batch_norm.unsupported((x, *statistics, torch.ones(2, 3)), {"training": True}) is None
    wrong = batch_norm.unsupported((x, *statistics, torch.ones(2, 4)), {"training": True})
    assert wrong == "a mask that does not fit"
    assert batch_norm.unsupported((x[:0], *statistics), {}) == "an empty batch"
    assert batch_norm.unsupported((gamma, *statistics), {}) is None
    assert batch_norm.unsupported((gamma, *statistics), {"training": True}) == "no axis beside the channels"
    assert batch_norm.unsupported((x, *statistics), {"axis": 1}) == "shapes do not fit"
    assert group_norm.unsupported((x, gamma), {"groups": 3}) == "channels that the groups do not divide"
    assert group_norm.unsupported((x,), {"groups": 1, "axis": 0}) == "no axis of channels beside the samples"
    with pytest.raises(ValueError, match=r"layer_norm: expected gamma of shape \(4,\).* Received: \(3,\)"):
        layer_norm.forward(x, gamma[:3])
    with pytest.raises(
        ValueError, match=r"batch_norm: expected moving_mean of shape \(4,\).* Received: \(3,\)"
    ):
        batch_norm.forward(x, None, None, gamma[:3], gamma)
    with pytest.raises(ValueError, match=r"group_norm: expected beta of shape \(4,\).* Received: \(3,\)"):
        group_norm.forward(x, None, gamma[:3], groups=1)


GELU = {"activation": pointwise(library.gelu)}
TRAINING = {"training": True} | GELU
FOUR = ((256,), (256,), (256,), (256,))
ROWS = (
    (layer_norm, Case("activation", ((4096, 4096), (4096,), (4096,)), GELU)),
    (layer_norm, Case("long", ((4096, 16_384), (16_384,), (16_384,)), GELU)),
    (batch_norm, Case("activation", ((32, 56, 56, 256), *FOUR), TRAINING)),
)
MORE = (
    (layer_norm, layer_norm.cases[0]),
    (rms_norm, rms_norm.cases[0]),
    (deviation_norm, deviation_norm.cases[0]),
    *((unit_norm, case) for case in unit_norm.cases),
    (batch_norm, batch_norm.cases[-1]),
    (group_norm, Case("wide", ((8, 64, 8192), (8192,), (8192,)), {"groups": 1})),
    (batch_norm, Case("channels_first", ((32, 256, 56, 56), *FOUR), TRAINING | {"axis": 1})),
    (group_norm, group_norm.cases[1]),
)


@pytest.mark.compile
@pytest.mark.parametrize(
    ("target", "calls"), [("sm_90", (*ROWS, *MORE)), ("gfx942", ROWS[1:])], ids=["sm_90", "gfx942"]
)
def test_compiled(target, calls):
    """Nothing is spilled; the input is read 16 bytes at a time; no atomics."""
    found = [kernel for call in calls for kernel in operator_kernels(*call, torch.bfloat16, target)]
    kernels = [kernel for n, kernel in enumerate(found) if kernel not in found[:n]]
    for result in cross_compile(kernels, target):
        assert result.fits, result
        assert result.stack == 0, result
        assert result.instructions["atomic"] == 0
        if result.kernel not in ("reduce_rows", "join_moments"):
            assert result.instructions["wide_load"] > 0, result
