"""`TorchModuleWrapper`: a torch module as a layer."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from tkeras.config import default_device
from tkeras.graph import Variable, Version
from tkeras.layers._layer import Layer, specs
from tkeras.saving import in_safe_mode, public


@public("keras.layers.TorchModuleWrapper")
class TorchModuleWrapper(Layer):
    """Makes a layer of a ``torch.nn.Module``.

    The parameters of the module become variables: the same tensors, so that they train in ``fit`` and in
    loops written for torch alike. As in torch and Keras, a call that is not told otherwise runs in training
    mode.

    Args:
        module: the module, with its parameters initialized.
        output_shape: shape of the output with the batch, where running ``module`` on meta tensors cannot
            tell.

    Raises:
        ValueError: a lazy module that has seen no input yet.
    """

    def __init__(
        self, module: torch.nn.Module, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(module, torch.nn.Module):
            raise ValueError(f"TorchModuleWrapper expects a `torch.nn.Module`. Received: module={module}")
        if any(is_lazy(p) for p in module.parameters()):
            raise ValueError(
                "LazyModules are not supported unless they are already initialized. "
                f"Received uninitialized LazyModule: module={module}"
            )
        self.module = module.to(default_device())
        self._generated.add("module")  # its tensors are saved as the layer's own
        self._given_shape = None if output_shape is None else tuple(output_shape)
        for path, parameter in module.named_parameters():
            self._variables.append(_as_variable(parameter, f"{self.name}/{path.replace('.', '/')}"))
        Version.bump()
        self.built = True

    def call(self, *args: Any, training: bool = True, **kwargs: Any) -> Any:
        """What the module makes of the arguments."""
        if self.module.training is not training:
            self.module.train(training)
        return self.module(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """From ``output_shape`` where it was given, else by running the module on meta tensors."""
        if self._given_shape is not None:
            return specs(self._given_shape, self.compute_dtype)
        return super().compute_output_spec(*args, **kwargs)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put everything in the module's ``state_dict`` into ``store``, under the names it has there."""
        for key, tensor in self.module.state_dict().items():
            store[key] = tensor.cpu().numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the module's ``state_dict`` from ``store``.

        Raises:
            RuntimeError: other names or shapes.
        """
        self.module.load_state_dict({key: torch.as_tensor(store[key]) for key in store})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the module is pickled, and read back only where the caller allows code."""
        buffer = io.BytesIO()
        torch.save(self.module, buffer)
        module = base64.b64encode(buffer.getvalue()).decode("ascii")
        return {**super().get_config(), "module": module, "output_shape": self._given_shape}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A wrapper from :meth:`get_config`.

        Raises:
            ValueError: the module is pickled and ``safe_mode`` is not False.
        """
        module = config.get("module")
        if isinstance(module, str):
            if in_safe_mode():
                raise ValueError(
                    "Requested the deserialization of a `torch.nn.Module` object via `torch.load()`. This "
                    "carries a potential risk of arbitrary code execution and thus it is disallowed by "
                    "default. If you trust the source of the artifact, you can override this error by "
                    "passing `safe_mode=False` to the loading function, or calling "
                    "`keras.config.enable_unsafe_deserialization()`."
                )
            buffer = io.BytesIO(base64.b64decode(module))
            config = {**config, "module": torch.load(buffer, weights_only=False)}
        return cls(**config)


def _as_variable(parameter: Any, path: str) -> Variable:
    """The parameter itself, from now on with the methods of a variable."""
    if isinstance(parameter, Variable):
        return parameter
    trainable = parameter.requires_grad
    parameter.data = parameter.data.contiguous()
    parameter.__class__ = Variable
    facts = {"_name": path.rpartition("/")[2], "_path": path, "autocast": True, "aggregation": "none"}
    flags = {"_trainable": trainable, "_declared_trainable": trainable, "overwrite_with_gradient": False}
    none = {"_regularizer": None, "_constraint": None, "synchronization": "none"}
    parameter.__dict__.update(facts | flags | none)
    return parameter
