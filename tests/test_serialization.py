"""Objects to dicts and back; names that resolve, and those that must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import losses, saving


class Scale:
    """An object of a user."""

    def __init__(self, factor: float = 1.0, inner: Any = None):
        self.factor, self.inner = factor, inner

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "inner": saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Scale:
        return cls(config["factor"], saving.deserialize_keras_object(config["inner"]))


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return y_true - y_pred


@pytest.mark.parametrize(
    "value",
    [None, 3, 2.5, True, "text", [1, [2.0, None]], {"a": {"b": [1]}}, slice(1, None, 2), Ellipsis, b"bytes"],
)
def test_plain_values(value: Any) -> None:
    assert saving.deserialize_keras_object(saving.serialize_keras_object(value)) == value


def test_arrays_and_types() -> None:
    config = saving.serialize_keras_object(np.arange(3, dtype="int8"))
    again = saving.deserialize_keras_object(config)
    assert (again.tolist(), str(again.dtype)) == ([0, 1, 2], "int8")
    tensor = torch.tensor([1.5, 2.5], dtype=torch.bfloat16)
    again = saving.deserialize_keras_object(saving.serialize_keras_object(tensor))
    assert torch.equal(again, tensor)
    assert saving.serialize_keras_object(np.float32(1.5)) == 1.5
    assert saving.serialize_keras_object(torch.float16) == "float16"
    with pytest.raises(ValueError, match="Invalid dtype: object"):
        saving.deserialize_keras_object(
            {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}}
        )


def test_form_of_keras_objects() -> None:
    assert saving.serialize_keras_object(losses.Huber(name="mine")) == {
        "module": "keras.losses",
        "class_name": "Huber",
        "config": {"name": "mine", "reduction": "sum_over_batch_size", "delta": 1.0},
        "registered_name": None,
    }
    assert saving.serialize_keras_object(losses.huber) == {
        "module": "builtins",
        "class_name": "function",
        "config": "huber",
        "registered_name": "function",
    }


def test_registered_objects() -> None:
    class Shift(Scale):
        pass

    registered = saving.register_keras_serializable("tests")(Shift)
    assert registered is Shift
    assert saving.get_registered_name(Shift) == "tests>Shift"
    assert saving.get_registered_object("tests>Shift") is Shift
    config = saving.serialize_keras_object(Shift(2.0, inner=Shift(3.0)))
    assert config["registered_name"] == "tests>Shift"
    again = saving.deserialize_keras_object(config)
    assert (type(again), again.factor, again.inner.factor) == (Shift, 2.0, 3.0)
    with pytest.raises(ValueError, match="does not have a get_config"):
        saving.register_keras_serializable()(type("Plain", (), {}))


def test_custom_objects() -> None:
    config = saving.serialize_keras_object(Scale(2.0))
    assert config["registered_name"] == "Scale"
    with pytest.raises(TypeError, match="Could not locate class 'Scale'"):
        saving.deserialize_keras_object(config)
    assert saving.deserialize_keras_object(config, custom_objects={"Scale": Scale}).factor == 2.0
    with saving.custom_object_scope({"Scale": Scale}), saving.CustomObjectScope({"own_loss": own_loss}):
        assert saving.deserialize_keras_object(config).factor == 2.0
        assert losses.get("own_loss") is own_loss
    with pytest.raises(ValueError, match="Could not interpret loss identifier: own_loss"):
        losses.get("own_loss")
    wrapped = losses.LossFunctionWrapper(own_loss, name="mine")
    with pytest.raises(TypeError, match="Could not locate function 'own_loss'"):
        losses.deserialize(losses.serialize(wrapped))
    again = losses.deserialize(losses.serialize(wrapped), custom_objects={"own_loss": own_loss})
    assert again.fn is own_loss


def test_get_custom_objects_is_the_registry() -> None:
    saving.get_custom_objects()["Scale"] = Scale
    try:
        assert saving.deserialize_keras_object(saving.serialize_keras_object(Scale(4.0))).factor == 4.0
    finally:
        del saving.get_custom_objects()["Scale"]


def test_paths_inside_keras() -> None:
    for module in (
        "keras.src.losses.losses",
        "tf_keras.losses",
        "tensorflow.keras.losses",
        "keras.api.losses",
    ):
        config = {"module": module, "class_name": "Huber", "config": {}, "registered_name": None}
        assert isinstance(saving.deserialize_keras_object(config), losses.Huber)
    config = {"module": "keras.src.backend.torch.optimizers.torch_sgd", "class_name": "SGD", "config": {}}
    assert isinstance(saving.deserialize_keras_object(config), tkeras.optimizers.SGD)


ATTACKS: list[dict[str, Any]] = [
    {"module": "os", "class_name": "system", "config": {"command": "true"}},
    {"module": "os", "class_name": "function", "config": "system"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    {"module": "builtins", "class_name": "exec", "config": {}},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    {"module": "tkeras.saving._registry", "class_name": "CustomObjectScope", "config": {}},
    {"module": "keras.utils", "class_name": "function", "config": "get_file"},
    {
        "module": "keras.models",
        "class_name": "function",
        "config": "load_model",
        "registered_name": "load_model",
    },
    {"module": "keras.src.saving.saving_lib", "class_name": "function", "config": "load_model"},
    {"module": "keras.losses", "class_name": "__class__", "config": {}},
    {"module": "torch", "class_name": "load", "config": {"f": "x"}},
    {"module": None, "class_name": "Unknown", "config": {}},
]


@pytest.mark.parametrize("config", ATTACKS, ids=lambda config: f"{config['module']}.{config['config']}")
def test_names_of_others_do_not_resolve(config: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Could not locate"):
        saving.deserialize_keras_object(config)


def test_a_registered_name_cannot_stand_for_a_built_in() -> None:
    config = {"module": "keras.losses", "class_name": "Huber", "config": {}, "registered_name": "evil>Huber"}
    with pytest.raises(ValueError, match=r"`registered_name='evil>Huber'` is not registered"):
        saving.deserialize_keras_object(config)


@pytest.mark.parametrize("config", [{"class_name": "Huber", "config": 3, "module": "keras.losses"}, object()])
def test_malformed_configurations(config: Any) -> None:
    with pytest.raises(TypeError, match=r"Expected 'config' to be a dict|Could not parse config"):
        saving.deserialize_keras_object(config)
    with pytest.raises(TypeError, match="Expected 'config' to be the name of a function"):
        saving.deserialize_keras_object({"class_name": "function", "config": {}, "module": "builtins"})
    with pytest.raises(TypeError, match="could not be deserialized properly"):
        saving.deserialize_keras_object(
            {
                "module": "keras.losses",
                "class_name": "Huber",
                "config": {"unknown": 1},
                "registered_name": None,
            }
        )


LAMBDA = {"class_name": "__lambda__", "config": {"value": "gA=="}}


def test_code_is_refused() -> None:
    for safe_mode in (True, None):
        with pytest.raises(ValueError, match="deserialization of a Python lambda"):
            saving.deserialize_keras_object(LAMBDA, safe_mode=safe_mode)
    with saving.safe_mode_scope(True), pytest.raises(ValueError, match="deserialization of a Python lambda"):
        saving.deserialize_keras_object(LAMBDA, safe_mode=False)
    nested = {"module": "keras.losses", "class_name": "LossFunctionWrapper", "config": {"fn": LAMBDA}}
    with pytest.raises(ValueError, match="deserialization of a Python lambda"):
        saving.deserialize_keras_object(nested)
    assert saving.in_safe_mode()


def test_shared_objects_stay_one() -> None:
    class Pair(Scale):
        pass

    saving.register_keras_serializable("tests")(Pair)
    shared = Pair(2.0)
    with saving.object_sharing_scope():
        configs = [saving.serialize_keras_object(shared) for _ in range(2)]
    assert "shared_object_id" in configs[0]
    with saving.object_sharing_scope():
        first, second = saving.deserialize_keras_object(configs)
    assert first is second
    first, second = saving.deserialize_keras_object(configs)
    assert first is not second


def test_what_cannot_be_written() -> None:
    with pytest.raises(TypeError, match=r"must implement the `get_config"):
        saving.serialize_keras_object(object())
    wrong = type("Wrong", (), {"get_config": lambda self: 3})
    with pytest.raises(TypeError, match=r"should return a dict. It returned: 3"):
        saving.serialize_keras_object(wrong())


def test_public_names_are_unique() -> None:
    with pytest.raises(ValueError, match=r"'keras\.losses\.Huber' is taken"):
        saving.public("keras.losses.Huber")(Scale)
    assert saving.public_name(losses.Huber) == "keras.losses.Huber"
    assert saving.public_object("keras.losses.Huber") is losses.Huber
    assert saving.public_object("os.system") is None


def test_no_code_of_others_is_reachable_from_the_source() -> None:
    import ast
    from pathlib import Path

    forbidden = {"importlib", "pickle", "marshal", "dill", "cloudpickle", "codecs", "runpy"}
    for module in ("_registry", "_serialization"):
        tree = ast.parse((Path(saving.__file__).parent / f"{module}.py").read_text())
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            )
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {name.split(".")[0] for name in names}
            if isinstance(node, ast.Name):
                assert node.id not in ("eval", "exec", "compile", "__import__", "open")
