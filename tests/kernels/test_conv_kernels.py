"""The convolution operators on their Triton kernels, run by the interpreter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels import conv_cases as convs
from tests.kernels import fused_cases as cases
from tkeras_kernels import runtime
from tkeras_kernels.operators import _conv_launch, conv, conv_transpose, depthwise_conv
from tkeras_kernels.templates import _conv_tiles

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="tests/gpu runs these compiled")
quick = settings(max_examples=8, deadline=None, derandomize=True)
calls = pytest.mark.parametrize("name", convs.ODD)


@pytest.fixture(autouse=True)
def _interpreted():
    with runtime.backend_scope("interpret"):
        yield


@pytest.mark.parametrize("name", convs.CALLS)
def test_calls(name):
    convs.check(convs.CALLS[name], "fp32", "gelu", "cpu")


@calls
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision(name, dtype):
    convs.check(convs.CALLS[name], dtype, "tanh" if dtype == "fp16" else "gelu", "cpu")


@pytest.mark.parametrize("name", ["1d causal", "depthwise 1d", "transpose 1d", "2d dense"])
@pytest.mark.parametrize("activation", cases.ACTIVATIONS)
def test_activations(name, activation):
    convs.check(convs.CALLS[name], "fp32", activation, "cpu")


@calls
def test_the_activation_gradient_is_a_pass_of_its_own_where_taps_would_repeat_it(name, monkeypatch):
    monkeypatch.setattr(_conv_launch, "FEW_ELEMENTS", 0)
    monkeypatch.setattr("tkeras_kernels.operators._depthwise_launch.FEW_ELEMENTS", 0)
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    attributes = {**options, "activation": cases.fused("tanh")}
    y, saved = operator.forward(*tensors, **attributes)
    with runtime.recording(runtime.INTERPRETER) as launches:
        operator.backward(saved, (y,), (True, True, True), **attributes)
    names = [launch.kernel.fn.__name__ for launch in launches]
    one_pass = name != "1d"  # whose three taps and one tile stay under the four repetitions
    assert names.count("map_flat") == one_pass
    if operator is not conv_transpose:
        assert all((launch.constants.get("PROLOGUE") is None) == one_pass for launch in launches)
    convs.check(call, "fp32", "tanh", "cpu")


@calls
def test_strided_arguments(name):
    convs.check_strided(name, "cpu")


@calls
@pytest.mark.parametrize("activation", ["none", "gelu"])
def test_empty_batch(name, activation):
    operator, ((_, *sizes), *shapes), options = convs.CALLS[name]
    call = (operator, ((0, *sizes), *shapes), options)
    convs.check(call, "fp32", activation, "cpu")
    tensors = convs.arguments(call, torch.float32, "cpu")
    y, saved = operator.forward(*tensors, **options)
    _, dw, db = operator.backward(saved, (y,), (True, True, True), **options)
    assert not dw.any()
    assert not db.any()


@calls
def test_long_sums_are_split_and_give_the_same_bits(name, monkeypatch):
    monkeypatch.setattr(_conv_tiles, "_PIXELS_INTERPRETED", _conv_tiles.Pixels(16, 16, 4))
    monkeypatch.setattr(_conv_tiles, "_INTERPRET", _conv_tiles.Tiles(512, 128, 16, 4, 1))
    monkeypatch.setattr(_conv_launch, "_SPLIT_ROWS", 16)
    operator, _, options = call = convs.long(name)
    with runtime.planning_for(convs.MANY):
        x, kernel, _ = convs.arguments(call, torch.float32, "cpu")
        y = operator.reference(x, kernel, **options)
        with runtime.recording(convs.MANY) as launches:
            operator.backward((x, kernel, None), (y,), (False, True, False), **options)
        assert [launch.kernel.fn.__name__ for launch in launches][-1] == "reduce_rows"
        assert launches[0].grid[1] > 1
        convs.check_same_bits(call, "cpu", (False, True, True))


@pytest.mark.parametrize("name", ["1d", "2d rgb", "transpose same"])
def test_same_bits(name):
    convs.check_same_bits(convs.CALLS[name], "cpu")
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    assert torch.equal(operator.infer(*tensors, **options), operator.infer(*tensors, **options))


@pytest.mark.parametrize("name", ["2d rgb", "2d stride", "depthwise multiplier"])
def test_far_offsets(name):
    convs.check_far(name, "cpu")


@calls
def test_wide_offsets_give_the_same_numbers(name, monkeypatch):
    """Outputs past 2^31 elements take the same code as far inputs."""
    for module in ("_conv_launch", "_depthwise_launch"):
        monkeypatch.setattr(f"tkeras_kernels.operators.{module}.is_wide", lambda *tensors: True)
    convs.check(convs.CALLS[name], "fp32", "gelu", "cpu")


def test_wide_is_chosen_by_the_largest_offset():
    small = torch.empty(2, 3, 5, device="meta")
    assert not _conv_launch.is_wide(small, torch.empty(2**30, device="meta"))
    assert _conv_launch.is_wide(small, torch.empty(2**31, device="meta"))
    assert _conv_launch.is_wide(small.as_strided((2, 3, 5), (2**31, 5, 1)))


def launches_of(name, **more):
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    y, saved = operator.forward(*tensors, **options, **more)
    with runtime.recording(runtime.INTERPRETER) as launches:
        operator.forward(*tensors, **options, **more)
        operator.backward(saved, (y,), (True, True, tensors[2] is not None), **options, **more)
    return launches


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("2d same", ["convolve", "convolve", "kernel_gradient"]),
        ("2d one tap", ["convolve", "convolve", "kernel_gradient"]),
        ("2d dense", ["product", "product", "weight_gradient"]),
        ("2d dense first", ["product", "product", "weight_gradient"]),
        ("2d groups of one", ["depthwise", "depthwise", "depthwise_kernel_gradient"]),
        ("depthwise", ["depthwise", "depthwise", "depthwise_kernel_gradient"]),
        ("transpose same", ["convolve", "convolve", "kernel_gradient", "reduce_rows"]),
    ],
)
def test_kernels(name, kernels):
    assert [launch.kernel.fn.__name__ for launch in launches_of(name)] == kernels


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2d same", ""),
        ("2d dense", "; one tap: a product of matrices"),
        ("2d groups of one", "; every channel by itself"),
    ],
)
def test_the_report_says_which_kernel(name, said):
    operator, _, options = call = convs.CALLS[name]
    decision = runtime.dispatch(operator, tuple(convs.arguments(call, torch.float32, "cpu")), options)
    assert decision == runtime.Decision("interpret", "backend 'interpret' was chosen" + said)


def test_few_channels_are_walked_with_the_taps():
    assert [launch.constants["FLAT"] for launch in launches_of("2d same")] == [False, False, True]
    assert [launch.constants["FLAT"] for launch in launches_of("2d rgb")] == [True, False, True]
    assert [launch.constants["FLAT"] for launch in launches_of("2d to one")] == [False, True, True]
    assert [launch.constants["FLAT"] for launch in launches_of("2d one tap")] == [False, False, False]


def test_a_stride_is_walked_in_phases_without_wasted_taps():
    forward, back, _ = launches_of("2d stride")
    assert forward.grid[1] == 1
    assert back.grid[1] == 2 * 3


def test_float32_follows_torchs_setting_for_convolutions():
    assert {launch.constants["PRECISION"] for launch in launches_of("2d same")} == {"tf32"}
    assert {launch.constants["PRECISION"] for launch in launches_of("2d dense")} == {"tf32"}
    assert runtime.get_matmul_precision() == "ieee"
    runtime.set_matmul_precision("ieee")
    try:
        assert {launch.constants["PRECISION"] for launch in launches_of("2d same")} == {"ieee"}
        assert {launch.constants["PRECISION"] for launch in launches_of("2d dense")} == {"ieee"}
    finally:
        runtime.set_matmul_precision(None)


@calls
def test_only_asked_gradients_are_computed(name):
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    y, saved = operator.forward(*tensors, **options)
    whole = operator.backward(saved, (y,), (True, True, True), **options)
    for index in range(3):
        needs = [place == index for place in range(3)]
        with runtime.recording(runtime.INTERPRETER) as launches:
            operator.backward(saved, (y,), needs, **options)
        assert len(launches) <= 2
        alone = operator.backward(saved, (y,), needs, **options)
        assert [gradient is not None for gradient in alone] == needs
        assert torch.equal(alone[index], whole[index])


@pytest.mark.parametrize(
    ("activation", "keeps"),
    [("relu", "y"), ("tanh", "y"), ("gelu", "before"), ("linear", None), ("none", None)],
)
@pytest.mark.parametrize("name", ["1d", "2d first", "depthwise 1d", "transpose 1d"])
def test_saves_what_the_derivative_needs(name, activation, keeps):
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    y, (x, kernel, kept) = operator.forward(*tensors, **options, activation=cases.fused(activation))
    assert x is tensors[0]
    assert kernel is tensors[1]
    if keeps == "before":
        torch.testing.assert_close(kept, operator.reference(*tensors, **options))
    else:
        assert kept is (y if keeps == "y" else None)


@pytest.mark.parametrize("name", ["2d same", "2d rgb", "depthwise"])
def test_a_nan_reaches_what_sees_it_and_nothing_else(name):
    operator, _, options = call = convs.CALLS[name]
    tensors = convs.arguments(call, torch.float32, "cpu")
    tensors[0][1, 4, 4, 0] = torch.nan
    found = operator.infer(*tensors, **options).isnan()
    assert torch.equal(found, operator.reference(*tensors, **options).isnan())
    assert found.any()
    assert not found.all()


axes = st.integers(1, 3).flatmap(
    lambda rank: st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
        min_size=rank,
        max_size=rank,
    )
)
"""Size, window, stride and dilation of each axis."""


@quick
@given(
    axes,
    st.sampled_from(["valid", "same"]),
    st.sampled_from([(3, 2, 1), (4, 6, 2), (3, 3, 3), (17, 5, 1), (20, 40, 1)]),
    st.booleans(),
)
def test_any_conv(axes, padding, channels, biased):
    sizes, windows, strides, dilations = zip(*axes, strict=True)
    if padding == "valid":
        sizes = [s + (k - 1) * d for s, k, d in zip(sizes, windows, dilations, strict=True)]
    inner, outer, groups = channels
    shapes = ((2, *sizes, inner), (*windows, inner // groups, outer), (outer,) if biased else None)
    options = {"padding": padding, "strides": strides, "dilation_rate": dilations, "groups": groups}
    convs.check((conv, shapes, options), "fp32", "gelu", "cpu")


@quick
@given(axes, st.sampled_from(["valid", "same"]), st.sampled_from([None, 0, 1, 2]), st.sampled_from([3, 17]))
def test_any_conv_transpose(axes, padding, output_padding, inner):
    sizes, windows, strides, dilations = zip(*axes, strict=True)
    shapes = ((2, *sizes, inner), (*windows, 4, inner), (4,))
    options = {"padding": padding, "strides": strides, "dilation_rate": dilations}
    options["output_padding"] = output_padding
    convs.check((conv_transpose, shapes, options), "fp32", "tanh", "cpu")


@quick
@given(axes, st.sampled_from(["valid", "same"]), st.integers(1, 3))
def test_any_depthwise(axes, padding, multiplier):
    sizes, windows, strides, dilations = zip(*axes, strict=True)
    if padding == "valid":
        sizes = [s + (k - 1) * d for s, k, d in zip(sizes, windows, dilations, strict=True)]
    shapes = ((2, *sizes, 3), (*windows, 3, multiplier), (3 * multiplier,))
    options = {"padding": padding, "strides": strides, "dilation_rate": dilations}
    convs.check((depthwise_conv, shapes, options), "fp32", "gelu", "cpu")


REFUSED = [
    (conv, ((2, 5), (3, 3, 4, 8)), {}, "conv: expected an input of rank 3, 4 or 5. Received: (2, 5)"),
    (conv, ((2, 5, 5, 3), (3, 3, 8)), {}, r"conv: expected a kernel of rank 4. Received: (3, 3, 8)"),
    (conv, ((2, 5, 5, 3), (3, 3, 4, 8)), {}, "conv: expected 1 groups of 4 channels"),
    (conv, ((2, 5, 5, 4), (3, 3, 2, 5)), {"groups": 2}, "divisible by the groups, 2. Received: 5"),
    (conv, ((2, 5, 5, 3), (3, 3, 3, 8), (7,)), {}, "a bias of shape (8,). Received: (7,)"),
    (conv, ((2, 5, 5, 3), (3, 3, 3, 8), None, (2, 5, 5, 8)), {}, "residual of shape (2, 3, 3, 8)"),
    (conv, ((2, 2, 5, 3), (3, 3, 3, 8)), {}, "an axis of at least 3 elements"),
    (conv, ((2, 5, 5, 3), (3, 3, 3, 8)), {"padding": "causal"}, "`padding` should be one of"),
    (conv, ((2, 5, 5, 3), (3, 3, 3, 8)), {"data_format": "NHWC"}, "`data_format` should be"),
    (conv, ((2, 5, 5, 3), (3, 3, 3, 8)), {"strides": (1, 2, 3)}, "Expected an int or 2 ints"),
    (depthwise_conv, ((2, 5, 5, 3), (3, 3, 4, 2)), {}, "depthwise_conv: expected channels"),
    (depthwise_conv, ((2, 5, 5, 3), (3, 3, 3, 2), (3,)), {}, "a bias of shape (6,)"),
    (conv_transpose, ((2, 5, 5, 3), (3, 3, 3, 8)), {}, "conv_transpose: expected channels"),
    (conv_transpose, ((2, 5, 5, 3), (3, 3, 8, 3)), {"padding": "causal"}, "`padding` should be one of"),
]


@pytest.mark.parametrize(("operator", "shapes", "options", "message"), REFUSED)
def test_what_does_not_fit_is_refused_before_a_launch(operator, shapes, options, message):
    tensors = tuple(None if shape is None else torch.ones(shape) for shape in shapes)
    with pytest.raises(ValueError) as refusal:
        runtime.dispatch(operator, tensors, options)
    assert message in str(refusal.value)


def test_what_does_not_fit_is_refused_without_dispatch():
    x, kernel = torch.ones(2, 5, 5, 3), torch.ones(3, 3, 3, 8)
    with pytest.raises(ValueError, match="bias of shape"):
        conv.forward(x, kernel, torch.ones(7))
    with pytest.raises(ValueError, match="residual of shape"):
        conv.infer(x, kernel, None, torch.ones(2, 5, 5, 8))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, kernel: (x.double(), kernel.double()), "no fused kernel for float64"),
        (lambda x, kernel: (x, kernel.half()), "tensors of several dtypes"),
        (lambda x, kernel: (x, kernel.to("meta")), "tensors on several devices"),
        (lambda x, kernel: (x, kernel[..., :0]), "empty kernel"),
        (lambda x, kernel: (x[:, :0], kernel), "an empty axis"),
    ],
)
def test_what_kernels_cannot_take_goes_to_torch(change, reason):
    tensors = change(torch.ones(2, 5, 5, 3), torch.ones(3, 3, 3, 8))
    decision = runtime.dispatch(conv, tensors, {})
    assert decision == runtime.Decision("torch", reason)
