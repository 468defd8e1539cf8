"""Where tkeras and Keras differ, by Keras' public names: what is not equal, and what was left out."""

from __future__ import annotations

_STREAM = 'gives an iterable of torch tensors with some of tf.data\'s methods; no `format="grain"`'
_UINT8 = "integer images come out in the compute type, as documented; Keras keeps some of them integers"
_DROPOUT = "the same seed drops other elements"
_DTYPE = "encodings come out in the compute type, as symbolic outputs announce; Keras returns int64"

_NARROWED = (
    "arctan2 average cbrt ceil corrcoef correlate cross cumprod cumsum deg2rad divide_no_nan dot floor "
    "floor_divide fmax fmin heaviside hypot i0 inner ldexp logaddexp logaddexp2 matmul maximum median "
    "minimum nanmean nanmedian nanprod nanquantile nanstd nanvar nextafter prod quantile rad2deg "
    "tensordot var vdot"
)

DIFFERENT: dict[str, str] = {
    "keras.Variable": "a torch.nn.Parameter: `dtype` is the torch type",
    **dict.fromkeys(
        (
            f"keras.dtype_policies.{name}DTypePolicy"
            for name in ("AWQ", "GPTQ", "Int4", "Quantized", "QuantizedFloat8")
        ),
        "names the types of a quantized layer; layers here refuse it: quantize the model with torch",
    ),
    **dict.fromkeys(
        (f"keras.config.{name}_traceback_filtering" for name in ("enable", "disable")),
        "tracebacks are whole unless filtering is switched on; messages do not repeat the arguments of calls",
    ),
    "keras.config.is_traceback_filtering_enabled": "False by default",
    "keras.config.disable_flash_attention": "layers run the operator that fits, and the report says which",
    "keras.StatelessScope": "no gradients reach the given values, and losses are not collected",
    "keras.config.set_backend": "chooses what runs tkeras' own operators",
    "keras.saving.save_weights": "weights are one file: no `max_shard_size`",
    **dict.fromkeys(
        (
            f"keras.distribution.{name}"
            for name in ("DataParallel", "ModelParallel", "distribute_tensor", "initialize")
        ),
        "one device; several are torch.distributed's business, since a model is a torch module",
    ),
    **dict.fromkeys(
        (f"keras.{place}.{name}" for name in _NARROWED.split() for place in ("ops", "ops.numpy")),
        "results of 64 bits stay so; Keras on torch narrows them to 32",
    ),
    "keras.activations.sparsemax": "sums to 1 for several positive entries; Keras' does not",
    "keras.optimizers.ScheduleFreeAdamW": "uses the old z, as published; Keras overwrites it before",
    "keras.utils.get_file": "http needs a hash; no file: URLs; unsafe archives are refused",
    "keras.utils.plot_model": "without Graphviz draws an SVG of its own; Keras raises",
    "keras.utils.split_dataset": "gives torch data sets of samples, with `batch`",
    **dict.fromkeys(
        (
            f"keras.{place}.{name}"
            for place, kinds in (("utils", ("audio", "image", "text")), ("preprocessing", ("image", "text")))
            for name in (
                *(f"{kind}_dataset_from_directory" for kind in kinds),
                "timeseries_dataset_from_array",
            )
        ),
        _STREAM,
    ),
    "keras.callbacks.BackupAndRestore": "keeps random numbers, metrics and other callbacks' memory as well",
    "keras.callbacks.LambdaCallback": "unknown events are refused; Keras ignores them",
    "keras.callbacks.TensorBoard": "writes through torch, and profiles with its profiler; no TensorFlow",
    **dict.fromkeys(
        (
            f"keras.applications.{name}.preprocess_input"
            for name in (
                "densenet",
                "imagenet_utils",
                "inception_resnet_v2",
                "inception_v3",
                "mobilenet",
                "mobilenet_v2",
                "nasnet",
                "resnet",
                "resnet50",
                "resnet_v2",
                "vgg16",
                "vgg19",
                "xception",
            )
        ),
        "gives a new array; Keras may write into the one that it is given",
    ),
    **dict.fromkeys(
        (f"keras.initializers.{name}" for name in ("STFT", "STFTInitializer", "stft")),
        "windows are those of torch.signal.windows; Keras' are scipy's",
    ),
    "keras.layers.AugMix": "the operations of a chain are drawn with the seed; Keras draws them without it",
    "keras.layers.AutoContrast": "each channel is stretched in both layouts; Keras mixes axes where "
    "channels are first",
    **dict.fromkeys(
        (f"keras.layers.{name}{n}D" for name in ("AveragePooling", "AvgPool") for n in (1, 2, 3)),
        "uneven padding is not averaged, as in TensorFlow; Keras on torch repeats the edge",
    ),
    **dict.fromkeys(
        (f"keras.wrappers.SKLearn{kind}" for kind in ("Classifier", "Regressor", "Transformer")),
        "`warm_start` trains the model itself and goes on, as documented; Keras clones it",
    ),
    "keras.layers.CenterCrop": "masks are resized by the nearest pixel; Keras mixes classes",
    "keras.layers.Equalization": "acts at inference as well, as documented; Keras leaves images alone there",
    "keras.layers.IntegerLookup": _DTYPE,
    "keras.layers.StringLookup": f"{_DTYPE}; inverted it returns an array of str, not of bytes; no "
    "TensorFlow needed",
    "keras.layers.TextVectorization": f"{_DTYPE}; no ragged tensors; no TensorFlow needed",
    **dict.fromkeys(
        (
            f"keras.layers.{name}"
            for name in ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
        ),
        _DROPOUT,
    ),
    "keras.layers.Hashing": "no TensorFlow needed, no sparse tensors",
    "keras.layers.HashedCrossing": "no TensorFlow needed, no sparse tensors",
    "keras.layers.Discretization": "no sparse tensors",
    "keras.layers.CategoryEncoding": "rows of rank 3 are encoded along the last axis, as documented; "
    "Keras takes axis 1",
    "keras.layers.RandAugment": "Keras adds brightness to some of the operations; here only those drawn "
    "are applied",
    "keras.layers.RandomBrightness": _UINT8,
    "keras.layers.RandomGrayscale": _UINT8,
    "keras.layers.ContrastLimitedAdaptiveHistogramEqualization": _UINT8,
    "keras.layers.RandomCrop": "at inference images are resized and cropped, as documented; Keras leaves "
    "their size",
    "keras.layers.RandomElasticTransform": "the seed determines the distortion; Keras draws it without "
    "the seed",
    "keras.layers.RandomGaussianBlur": "deviations may differ along height and width; Keras' blur is "
    "wrong there",
    "keras.layers.RandomRotation": "masks turn about the same point as images; Keras swaps their offsets",
    "keras.layers.RandomSaturation": "saturation ends at 1; Keras goes on past the value range",
}
"""Names that exist in both and do not always give the same results, with what differs."""

LEFT_OUT: dict[str, str] = {
    "keras.layers.FlaxLayer": "wraps a model of JAX, which needs that backend",
    "keras.layers.JaxLayer": "wraps a model of JAX, which needs that backend",
    "keras.layers.TFSMLayer": "wraps a model of TensorFlow, which tkeras does without",
    "keras.callbacks.OrbaxCheckpoint": "Orbax is JAX's; use ModelCheckpoint or BackupAndRestore",
    "keras.export": "use torch.export or torch.onnx on the model, which is a torch module",
    "keras.distillation": "write `compute_loss` of a model with a teacher instead",
    "keras.visualization": "draw boxes with matplotlib's patches or torchvision",
    "keras.SymbolicScope": "call layers and `ops` on symbolic tensors instead",
    "keras.RematScope": "wrap the call in `tkeras.remat` instead",
    "keras.saving.KerasFileEditor": "open the weights with h5py",
    "keras.utils.bounding_boxes.affine_transform": "use the layers RandomRotation, RandomShear, … on boxes",
}
"""Names that are not here on purpose, single ones or whole namespaces, with the reason."""
