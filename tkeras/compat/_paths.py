"""Where each module of Keras lies in tkeras: the paths of Keras 3, and older ones that scripts use."""

from __future__ import annotations

from types import ModuleType

VERSION = "3.15.1"
"""The Keras whose API this is; what ``keras.__version__`` says."""
ROOTS = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
"""Names under which Keras is imported. The first is what messages say."""
OURS_ALONE = {"bridge", "cli", "compat", "compiler", "graph", "training"}
"""Public packages of tkeras that Keras has no name for."""

_KERAS_2 = {
    "layers": """engine.base_layer engine.input_layer engine.topology layers.advanced_activations
        layers.convolutional layers.convolutional_recurrent layers.core layers.cudnn_recurrent
        layers.embeddings layers.experimental layers.experimental.preprocessing layers.local
        layers.merge layers.noise
        layers.normalization layers.pooling layers.preprocessing layers.recurrent layers.wrappers""",
    "models": """engine.functional engine.network engine.sequential engine.training""",
    "utils": """utils.conv_utils utils.data_utils utils.generic_utils utils.io_utils utils.layer_utils
        utils.np_utils utils.vis_utils""",
    "optimizers": """optimizers.adadelta optimizers.adagrad optimizers.adam optimizers.adamax
        optimizers.experimental optimizers.ftrl optimizers.legacy optimizers.nadam optimizers.optimizer
        optimizers.rmsprop optimizers.sgd""",
    "backend": "backend.common backend.load_backend backend.tensorflow_backend",
    "losses": "objectives",
    "callbacks": "callbacks.experimental",
    "optimizers.schedules": "optimizers.schedules.learning_rate_schedule",
    "initializers": "initializations",
}
_PLACES = {path: (place,) for place, paths in _KERAS_2.items() for path in paths.split()} | {
    "": ("",),
    "engine": ("layers", "models"),
    "legacy": (),
    "mixed_precision": ("compat.mixed_precision",),
    "mixed_precision.experimental": ("compat.mixed_precision",),
}
_AGAIN = ("api", "_tf_keras.keras", "_tf_keras")
"""Paths below which all of Keras lies once more."""
_INSIDE = {"backend": ("backend", "config", ""), "trainers": ("models", "utils")}
"""Where the names of private modules of Keras are public."""
REFUSED = {
    "estimator": "estimators belong to TensorFlow 1; train with `model.fit`.",
    "wrappers.scikit_learn": "Keras dropped these wrappers; use the package scikeras, or call "
    "`model.fit` and `model.predict` from your own estimator.",
    "export": "use `torch.export` or `torch.onnx` on the model, which is a torch.nn.Module.",
    "layers.JaxLayer": "it holds JAX code; wrap a torch module with `TorchModuleWrapper`.",
    "layers.FlaxLayer": "it holds Flax code; wrap a torch module with `TorchModuleWrapper`.",
    "layers.TFSMLayer": "it runs a TensorFlow SavedModel; load the weights into a model built here.",
    "callbacks.OrbaxCheckpoint": "use `BackupAndRestore` or `ModelCheckpoint`.",
}
"""What is not here, and what to do instead."""


def places(path: str) -> tuple[str, ...]:
    """Modules of tkeras, without the prefix, in which the names of ``keras.<path>`` are looked up."""
    for prefix in _AGAIN:
        path = _below(prefix, path)
    if path == "src" or path.startswith("src."):
        return _inside(_below("legacy", _below("src", path)))
    known = _PLACES.get(path)
    if known is not None:
        return known
    parts = path.split(".")
    return () if parts[0] in OURS_ALONE or any(part.startswith("_") for part in parts) else (path,)


def modules() -> tuple[str, ...]:
    """The modules right below ``keras``."""
    import tkeras

    values = vars(tkeras).items()
    return tuple(name for name, value in values if isinstance(value, ModuleType) and places(name))


def _inside(path: str) -> tuple[str, ...]:
    """Where to look for the names of ``keras.src.<path>``, which editors like to import from.

    Any path in small letters counts as a module: Keras moves its private ones between versions.
    """
    if not path.islower() and path:
        return ()
    parts = path.split(".")
    outer = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return tuple(place for part in outer for place in _INSIDE.get(part) or places(part))


def _below(prefix: str, path: str) -> str:
    return "" if path == prefix else path.removeprefix(f"{prefix}.")
