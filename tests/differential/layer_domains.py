"""Arguments of every layer, from which its configurations are drawn: one choice from each group."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

Group = list[dict[str, Any]]


def of(name: str, *values: Any) -> Group:
    """An argument that is left out or has one of these values."""
    return [{}, *({name: value} for value in values)]


ACTIVATIONS = of("activation", "relu", "tanh", "gelu", "hard_sigmoid")
LAYOUT = of("data_format", "channels_first")
BIAS = of("use_bias", False)
KERNEL = of("kernel_initializer", "he_normal", "ones")
PENALTY = [{}, {"kernel_regularizer": "l2"}, {"activity_regularizer": "l1"}, {"bias_regularizer": "l1"}]
BOUNDS = [{}, {"kernel_constraint": "max_norm"}, {"bias_constraint": "non_neg"}]
STEPS = [{}, {"strides": 2}, {"dilation_rate": 2}, {"padding": "same"}, {"strides": 2, "padding": "same"}]
SEQUENCES = [{}, {"return_sequences": False}, {"return_state": True}, {"go_backwards": True}]
RECURRENT = [SEQUENCES, BIAS, of("activation", "relu", "sigmoid"), of("recurrent_initializer", "glorot_uniform"),
             of("unroll", True), PENALTY, of("dtype", "float64")]  # fmt: skip
AFFINE = [of("epsilon", 0.1), [{}, {"center": False}, {"scale": False}], of("beta_initializer", "ones"),
          of("gamma_initializer", "ones")]  # fmt: skip
RANGE = of("value_range", (0.0, 255.0), (0.0, 100.0))
FILL = [of("fill_mode", "constant", "nearest", "wrap"), of("interpolation", "nearest"), of("fill_value", 3.0)]

DOMAINS: dict[str, list[Group]] = {
    "Activation": [[{"activation": name} for name in ("relu", "softmax", "silu", "log_softmax", "softsign", "relu6", "celu", "mish")]],
    "ActivityRegularization": [of("l1", 0.3), of("l2", 0.4)],
    "Dense": [[{"units": 3}, {"units": 1}, {"units": 5}], ACTIVATIONS, BIAS, KERNEL, PENALTY, BOUNDS],
    "Dot": [[{"axes": 1}, {"axes": -1}, {"axes": (1, 1)}], of("normalize", True)],
    "EinsumDense": [[{"equation": "abc,cd->abd", "output_shape": (None, 2)}, {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"},
                     {"equation": "abc,bcd->ad", "output_shape": 3, "bias_axes": None}], ACTIVATIONS, KERNEL],
    "Embedding": [of("mask_zero", True), of("embeddings_initializer", "ones", "he_normal"), of("embeddings_regularizer", "l2"), of("dtype", "float64")],
    "ReversibleEmbedding": [of("tie_weights", False), of("mask_zero", True), of("logit_soft_cap", 5.0)],
    "Masking": [of("mask_value", 1.0, -2.0)], "Permute": [[{"dims": (2, 1)}, {"dims": (1, 2)}]],
    "RepeatVector": [[{"n": 1}, {"n": 2}, {"n": 5}]], "Reshape": [[{"target_shape": s} for s in ((2, 3), (6, 1), (-1,), (3, -1), (1, 2, 3))]],
    "Rescaling": [[{"scale": s} for s in (2.0, -1.0, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], of("offset", -3.0)],
    "Normalization": [[{"mean": 0.5, "variance": 1.5}, {"mean": [1.0, 2, 3, 4, 5, 6], "variance": [1.0, 2, 3, 4, 5, 6]}], of("invert", True), of("axis", -1)],
    "CategoryEncoding": [of("output_mode", "count"), [{}, {"num_tokens": 12}]],
    "Discretization": [of("output_mode", "one_hot", "multi_hot", "count"), [{"bin_boundaries": b} for b in ([0.0], [-2.0, -0.5, 0.5, 2.0])]],
    "UnitNormalization": [of("axis", 1, [1])], "RMSNormalization": [of("epsilon", 0.1, 1e-3), of("axis", [-1])],
    "LayerNormalization": [*AFFINE, of("axis", [-1])], "GroupNormalization": [*AFFINE, [{"groups": 2}, {"groups": 1}, {"groups": -1}]],
    "BatchNormalization": [*AFFINE, of("momentum", 0.5), of("moving_mean_initializer", "ones")],
    "STFTSpectrogram": [[{"mode": m} for m in ("magnitude", "log", "psd", "phase")], of("frame_step", 2), of("window", "hamming", None), of("padding", "same")],
    "MelSpectrogram": [[{"power_to_db": False}], of("num_mel_bins", 3), of("window", "hamming")],
    "ELU": [of("alpha", 0.5, 2.0)], "LeakyReLU": [of("negative_slope", 0.1, 0.0)], "Softmax": [of("axis", 1, [1])],
    "PReLU": [of("alpha_initializer", "ones", "he_normal"), of("alpha_regularizer", "l2"), of("alpha_constraint", "non_neg"), of("shared_axes", [1])],
    "ReLU": [of("max_value", 1.0, 0.5), of("negative_slope", 0.2), of("threshold", 0.3)],
    "Concatenate": [of("axis", 0, 1)], "GaussianNoise": [[{"stddev": 0.1}, {"stddev": 0.9}], of("trainable", False)],
    **{name: [[{"rate": r} for r in (0.0, 0.1, 0.6)], of("dtype", "float64")] for name in
       ("Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")},
    **{f"MaxPooling{n}D": [of("pool_size", 3), of("strides", 1, 2), of("padding", "same"), LAYOUT] for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": [of("pool_size", 1, 2), of("strides", 1), LAYOUT] for n in (1, 2, 3)},
    **{f"Global{kind}Pooling{n}D": [of("keepdims", True), LAYOUT] for n in (1, 2, 3) for kind in ("Max", "Average")},
    **{f"Adaptive{kind}Pooling{n}D": [[{"output_size": 1}, {"output_size": 2}], LAYOUT] for n in (1, 2, 3) for kind in ("Max", "Average")},
    "UpSampling1D": [of("size", 1, 3)], "UpSampling2D": [of("size", 3, (1, 2)), of("interpolation", "bilinear"), LAYOUT], "UpSampling3D": [of("size", (1, 2, 3), 3), LAYOUT],
    "ZeroPadding1D": [of("padding", 2, (0, 3))], "ZeroPadding2D": [of("padding", 2, (0, 3), ((1, 0), (2, 1))), LAYOUT], "ZeroPadding3D": [of("padding", 2, (0, 1, 2)), LAYOUT],
    "Cropping1D": [of("cropping", 2, (0, 3))], "Cropping2D": [of("cropping", 1, ((1, 0), (1, 1)), (2, 1))], "Cropping3D": [of("cropping", 1, (0, 1, 2), (1, 0, 2))],
    **{f"Conv{n}D": [STEPS, ACTIVATIONS, BIAS, PENALTY, LAYOUT, of("kernel_size", 1, 2), of("filters", 1)] for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": [STEPS[:2] + STEPS[3:], ACTIVATIONS, BIAS, PENALTY, of("kernel_size", 3)] for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": [STEPS, ACTIVATIONS, BIAS, of("depth_multiplier", 2), of("depthwise_regularizer", "l2")] for n in (1, 2)},
    **{f"SeparableConv{n}D": [STEPS, ACTIVATIONS, BIAS, of("depth_multiplier", 2), of("pointwise_regularizer", "l2")] for n in (1, 2)},
    "SimpleRNN": RECURRENT, "GRU": [*RECURRENT, of("reset_after", False)], "LSTM": [*RECURRENT, of("unit_forget_bias", False)],
    **{f"ConvLSTM{n}D": [of("return_sequences", True), BIAS, of("padding", "same"), of("activation", "relu"), of("go_backwards", True)] for n in (1, 2, 3)},
    "AdditiveAttention": [of("use_scale", False), of("trainable", False)], "Attention": [of("score_mode", "concat"), of("use_scale", True), of("trainable", False)],
    "CenterCrop": [[{"height": 3, "width": 3}, {"height": 8, "width": 2}, {"height": 10, "width": 12}]],
    "Resizing": [[{"height": 3, "width": 11}, {"height": 9, "width": 4}], of("interpolation", "nearest", "bicubic"), [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}]],
    "AutoContrast": [RANGE], "MaxNumBoundingBoxes": [[{"max_number": 1}, {"max_number": 9}]],
    "ContrastLimitedAdaptiveHistogramEqualization": [of("clip_limit", 2.0), RANGE],
    "RandomColorJitter": [of("brightness_factor", 0.3), of("hue_factor", 0.1), RANGE],
    **{name: [of("factor", 0.1, 0.5)] for name in ("RandomPerspective", "RandomErasing", "RandomInvert", "RandomGrayscale")},
    "RandomFlip": [of("mode", "horizontal", "vertical")], "CutMix": [of("factor", 0.5, 0.8)], "MixUp": [of("alpha", 0.4, 0.9)],
    "Solarization": [of("threshold_factor", 0.3), of("addition_factor", 0.2), RANGE],
    **{name: [[{"factor": f} for f in (0.1, 0.5)], RANGE] for name in ("RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomHue", "RandomSharpness")},
    "RandomPosterization": [[{"factor": f} for f in (2, 3, 7)]], "RandomRotation": [[{"factor": 0.1}, {"factor": (-0.2, 0.4)}], *FILL],
    "RandomShear": [[{"x_factor": 0.3}, {"y_factor": 0.2}], *FILL], "RandomZoom": [[{"height_factor": (-0.3, 0.1)}, {"width_factor": 0.3}], *FILL],
    "RandomTranslation": [[{"height_factor": 0.4}, {"width_factor": (-0.3, 0.2)}], *FILL],
    "MultiHeadAttention": [of("value_dim", 2), of("use_bias", False), of("output_shape", 5), of("kernel_regularizer", "l2"), of("num_heads", 1)],
    "GroupQueryAttention": [of("use_bias", False), of("num_key_value_heads", 1, 4), of("kernel_initializer", "ones")],
    "RNN": [SEQUENCES, of("unroll", True), of("return_sequences", True), of("zero_output_for_mask", True)],
    "Bidirectional": [of("merge_mode", "sum", "mul", "ave", None), of("trainable", False)],
    "SpectralNormalization": [of("power_iterations", 2, 3), of("trainable", False)],
}  # fmt: skip


def drawn(name: str, count: int) -> list[dict[str, Any]]:
    """Different configurations of a layer, the same ones in each run; fewer where there are no more."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    found: list[dict[str, Any]] = []
    for _ in range(20 * count):
        made: dict[str, Any] = {}
        for group in DOMAINS.get(name, []):
            made.update(group[int(random.integers(len(group)))])
        if made and made not in found and len(found) < count:
            found.append(made)
    return found
