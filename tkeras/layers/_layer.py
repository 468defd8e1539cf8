"""`Layer`: state and a computation, called on tensors or on symbolic tensors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.modules import module as torch_module

from tkeras.config import DTypePolicy
from tkeras.config._policy import get_policy
from tkeras.graph import (
    KerasTensor,
    NodeBookkeeping,
    any_symbolic,
    auto_name,
    infer,
    record_call,
)
from tkeras.graph._tree import flatten, leaves, map_structure
from tkeras.graph._version import Version
from tkeras.layers._arguments import convert, convert_all, floating, incoming_masks, with_masks
from tkeras.layers._build import BuildMixin
from tkeras.layers._context import context
from tkeras.layers._input_spec import InputSpec, check_input
from tkeras.layers._renamed import refuse_renamed
from tkeras.layers._saving import OwnVariables
from tkeras.layers._signature import CallSignature, call_signature, init_config
from tkeras.layers._state import LayerState, forgot_super
from tkeras.layers._stateless import StatelessCall

_TRAINING = {"training"}
_HOOKS, _PRE_HOOKS = torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks


class Layer(BuildMixin, OwnVariables, StatelessCall, NodeBookkeeping, LayerState):
    """A callable with variables: a ``torch.nn.Module`` with Keras' protocol.

    Subclasses define ``__init__``, ``build(input_shape)`` where variables depend on the input, and
    ``call(inputs)``,
    which may take ``training`` and ``mask``. Variables, layers, and lists and dictionaries of them that are
    assigned
    to attributes belong to the layer.

    Args:
        activity_regularizer: penalty on the outputs.
        trainable: whether training changes the weights.
        dtype: element type, or a dtype policy by name or object.
        autocast: whether floating point inputs are cast to the compute type.
        name: default: the class name in snake case, made unique.
        input_shape, input_dim, input_length, batch_input_shape, batch_shape, batch_size: for the first layer
            of a
            `Sequential`: the shape of its input.

    Raises:
        ValueError: unknown keyword arguments.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        refuse_renamed(cls.__name__, kwargs, cls.__init__)
        self = super().__new__(cls)
        self.__dict__["_init_arguments"] = (args, kwargs)
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        self._init_state()
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        facts = self.__dict__
        facts["name"] = name or auto_name(type(self).__name__)
        facts["_first_input_shape"] = _first_input_shape(kwargs)
        for key, only in type(self)._fixed.items():
            if key in kwargs and (value := kwargs.pop(key)) != only:
                raise ValueError(f"{type(self).__name__}: `{key}={value}` is not supported; only {only} is.")
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        facts.update(
            _inbound_nodes=[], _outbound_nodes=[], built=False, autocast=autocast, supports_masking=False
        )
        facts.update(input_spec=None, _shapes_built=None, _default_training=None)
        self.dtype_policy = get_policy(dtype)
        if activity_regularizer is not None:
            from tkeras import regularizers

            activity_regularizer = regularizers.get(activity_regularizer)
        facts["activity_regularizer"] = activity_regularizer
        if not isinstance(trainable, bool):
            raise ValueError(
                "Expected `trainable` to be a boolean. "
                f"Received: trainable={trainable} (of type {type(trainable)})"
            )
        if not trainable:
            self.trainable = False

    @property
    def dtype_policy(self) -> DTypePolicy:
        """How the layer treats element types."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = get_policy(value)
        if policy.quantization_mode is not None:
            raise ValueError(
                f'Layer "{self.name}" ({type(self).__name__}): quantization is not supported. Quantize the '
                f"model, which is a torch module, with torch. Received: dtype={policy}"
            )
        mixed = policy.compute_dtype != policy.variable_dtype
        self.__dict__.update(
            _dtype_policy=policy,
            _compute_type=policy.compute_torch_dtype,
            _autocast_type=policy.compute_torch_dtype if mixed else None,
        )

    def _take_path(self, path: str) -> None:
        """Where the layer is built; of policies by path it takes its own."""
        self.__dict__.setdefault("path", path)
        policies = self._dtype_policy
        if isinstance(policies, Mapping):
            self.dtype_policy = policies[path]
            self.__dict__["_policies"] = policies

    @property
    def dtype(self) -> str:
        """Type of the variables."""
        return self._dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """Type of the variables."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """Type of the computation and its results."""
        return self._dtype_policy.compute_dtype

    def __getattr__(self, name: str) -> Any:
        parameters = self.__dict__.get("_parameters")
        if parameters is not None and name in parameters:
            value = parameters[name]
            if context.autocast is not None and value is not None and value.is_floating_point():
                return value.to(context.autocast) if getattr(value, "autocast", False) else value
            return value
        if name == "_forward_hooks":  # the first thing that a call looks at
            raise RuntimeError(forgot_super(self))
        found = getattr(type(self), name, None)
        if (
            isinstance(found, property) and found.fget is not None
        ):  # its AttributeError brought us here: show that
            return found.fget(self)
        return super().__getattr__(name)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; subclasses define it."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or _HOOKS or _PRE_HOOKS:
            return torch.nn.Module.__call__(self, *args, **kwargs)
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The call protocol around :meth:`call`: conversion, build, training flag, masks, losses."""
        signature = call_signature(type(self).call)
        if (
            self.built
            and len(args) == 1
            and type(args[0]) is torch.Tensor
            and (not kwargs or kwargs.keys() == _TRAINING)
        ):
            return self._call_on_tensor(signature, args[0], kwargs)
        if any_symbolic(args, kwargs):
            return self._symbolic_call(signature, args, kwargs)
        args, kwargs = self._convert(args, kwargs)
        self._check_and_build(signature, args, kwargs)
        masks = incoming_masks(signature, args, kwargs)
        if masks is not None:
            kwargs = with_masks(signature, args, kwargs, masks)
        return self._run(signature, args, kwargs, masks)

    def _check_and_build(
        self, signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if self.input_spec is not None:
            check_input(self.input_spec, args[0] if args else kwargs.get(signature.first or ""), self.name)
        if not self.built:
            self._build_from(signature.arguments(args, kwargs))

    def _call_on_tensor(self, signature: CallSignature, inputs: torch.Tensor, kwargs: dict[str, Any]) -> Any:
        """:meth:`forward` for the common case, without looking for anything that cannot be there."""
        kind = self._compute_type
        if inputs.dtype is not kind and kind is not None:
            if self.autocast:
                inputs = convert(inputs, kind)
            if self._casts_integers:
                inputs = floating(inputs, kind)
        spec = self.input_spec
        if spec is not None and (type(spec) is not InputSpec or spec.problem(inputs.shape) is not None):
            check_input(spec, inputs, self.name)
        masks = getattr(inputs, "_keras_mask", None)
        if masks is not None:
            kwargs = with_masks(signature, (inputs,), kwargs, masks)
        return self._run(signature, (inputs,), kwargs, masks)

    def _run(
        self, signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any], masks: Any
    ) -> Any:
        stack, before, autocast = context.stack, context.training, context.autocast
        training = self._resolve_training(signature, kwargs)
        if self._lossy and not stack:
            self._clear_losses()
        stack.append(self)
        context.training, context.autocast = training, self._autocast_type if self.autocast else None
        try:
            outputs = self.call(*args, **kwargs)
        finally:
            stack.pop()
            context.training, context.autocast = before, autocast
        if self.activity_regularizer is not None:
            for output in flatten(outputs):
                self.add_loss(self.activity_regularizer(output) / output.shape[0])
        if masks is not None:
            self._pass_masks(args[0] if args else None, outputs, masks)
        elif self._makes_masks:
            self._pass_masks(args[0] if args else None, outputs, None)
        return outputs

    _makes_masks = False  # set by layers such as Embedding that start a mask
    _casts_integers = False  # set by layers that compute with floating point inputs only
    _keeps_type = False  # set by layers such as Reshape that pass integers on as they are

    def _resolve_training(self, signature: CallSignature, kwargs: dict[str, Any]) -> bool | None:
        """The argument, else the caller's, else what ``train()``, ``eval()`` said, else the default."""
        training = kwargs.get("training")
        if training is None:
            training = context.training
            if training is None:
                training = self._default_training
                if training is None:
                    training = signature.default_training
            if signature.training:
                kwargs["training"] = bool(training)
        if not signature.training and not signature.has_kwargs:
            kwargs.pop("training", None)
        return training

    def _convert(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arrays become tensors; floating point tensors get the compute type."""
        kind = self._compute_type if self.autocast else None
        if len(args) == 1 and not kwargs:
            only = args[0]
            if type(only) is torch.Tensor:
                floats = only.is_floating_point()
                if only.dtype is kind or (kind is None if floats else not self._casts_integers):
                    return args, kwargs
        numbers = bool(args)  # of plain numbers only the inputs become tensors, options stay what they are
        args = tuple(convert_all(arg, kind, numbers and index == 0) for index, arg in enumerate(args))
        if self._casts_integers and args and self._compute_type is not None:
            args = (floating(args[0], self._compute_type), *args[1:])
        return args, {key: convert_all(value, kind, not numbers) for key, value in kwargs.items()}

    def _symbolic_call(self, signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_and_build(signature, args, kwargs)
        outputs = self.compute_output_spec(*args, **kwargs)
        if "training" in kwargs and kwargs["training"] is None:
            kwargs = {key: value for key, value in kwargs.items() if key != "training"}
        record_call(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs for symbolic inputs: from ``compute_output_shape`` where the subclass defines it.

        Otherwise ``call`` is run on meta tensors.
        """
        if type(self).compute_output_shape is not Layer.compute_output_shape and len(args) == 1:
            shape = self.compute_output_shape(map_structure(lambda t: t.shape, args[0]))
            kept = self._keeps_type and isinstance(args[0], KerasTensor)
            return specs(shape, args[0].dtype if kept else self.compute_dtype)
        signature = call_signature(type(self).call)

        def run(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = self._convert(args, kwargs)
            return self._run(signature, args, dict(kwargs), None)

        try:
            outputs = infer(run, args, kwargs)
        except Exception as error:
            error.add_note(
                f'While computing the output shape of layer "{self.name}" (type {type(self).__name__}) for'
                f" inputs {[leaf for leaf in leaves((list(args), kwargs)) if isinstance(leaf, KerasTensor)]}."
                " Define `compute_output_shape` if its `call` needs the values of its inputs."
            )
            raise
        finally:
            if self._lossy and not context.stack:
                self._clear_losses()
        return outputs

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Shape of the output for the shape (or shapes) of the input."""
        inputs = [specs(shape, self.compute_dtype) for shape in args]
        named = {
            key.removesuffix("_shape"): specs(shape, self.compute_dtype) for key, shape in kwargs.items()
        }
        if not self.built:
            self._build_from(call_signature(type(self).call).arguments(tuple(inputs), named))
        return map_structure(lambda spec: spec.shape, self.compute_output_spec(*inputs, **named))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs: the one of the inputs unless a subclass says otherwise."""
        return previous_mask

    def _pass_masks(self, inputs: Any, outputs: Any, masks: Any) -> None:
        if not self.supports_masking:
            return
        flat = flatten(outputs)
        if all(getattr(output, "_keras_mask", None) is not None for output in flat):
            return
        computed = flatten(self.compute_mask(inputs, None if masks is False else masks))
        for output, mask in zip(flat, computed, strict=False):
            if mask is not None and isinstance(output, torch.Tensor):
                output._keras_mask = mask  # type: ignore[attr-defined]

    def train(self, mode: bool = True) -> Any:
        """As in torch: from now on calls that say nothing about ``training`` run in this mode."""
        super().train(mode)
        for layer in self._flat_layers():
            layer.__dict__["_default_training"] = mode
        Version.settings += 1
        return self

    def kernel_source(self, specs: Any = None) -> str:
        """The Triton code that kernels inline for this layer; see `tkeras.compiler.kernel_source`."""
        from tkeras.compiler import kernel_source

        return kernel_source(self, specs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments from which ``from_config`` makes the same layer, without weights."""
        from tkeras.saving import serialize_keras_object

        policy = serialize_keras_object(self.__dict__.get("_policies", self.dtype_policy))
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": policy}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_keras_object(self.activity_regularizer)
        declared = [key for kind in reversed(type(self).__mro__) for key in vars(kind).get("_config", ())]
        config.update((key, _plain(getattr(self, key))) for key in declared)
        config.update(type(self)._fixed)
        overridden = type(self).get_config is not Layer.get_config
        if overridden or declared or type(self).__init__ is Layer.__init__:
            return config
        config.pop("activity_regularizer", None)
        return _constructor_config(self, config)

    _config: tuple[str, ...] = ()  # constructor arguments kept as attributes of the same name
    _fixed: dict[str, Any] = {}  # arguments of Keras of which one value is supported

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from :meth:`get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __hash__(self) -> int:
        return id(self)


def _plain(value: Any) -> Any:
    """A constructor argument as plain data."""
    from tkeras import activations
    from tkeras.saving import serialize_keras_object

    if callable(value) and not isinstance(value, type) and not hasattr(value, "get_config"):
        return activations.serialize(value)
    return serialize_keras_object(value)


def _constructor_config(layer: Layer, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a class that defines no ``get_config``: the arguments it was made with."""
    kind = type(layer)
    given = init_config(kind.__init__, *layer._init_arguments)
    simple = (str, int, float, bool, type(None), list, tuple, dict)
    strange = [
        key for key, value in given.items() if not all(isinstance(leaf, simple) for leaf in leaves(value))
    ]
    if strange:
        raise NotImplementedError(
            f"Object {kind.__name__} was created by passing non-serializable argument values in `__init__()` "
            f"({strange}), and therefore the object must override `get_config()` in order to be serializable."
        )
    accepted = inspect.signature(kind.__init__).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        config = {key: value for key, value in config.items() if key in accepted}
    return {**config, **given}


def specs(shape: Any, dtype: str) -> Any:
    """Shapes in any structure as symbolic tensors."""
    if isinstance(shape, dict):
        return {key: specs(value, dtype) for key, value in shape.items()}
    if (
        isinstance(shape, (list, tuple))
        and shape
        and not all(size is None or isinstance(size, int) for size in shape)
    ):
        return type(shape)(specs(value, dtype) for value in shape)
    return KerasTensor(shape, dtype)


def _first_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Take Keras' ways of giving a first layer its input shape out of ``kwargs``: shape with the batch."""
    batch_size = kwargs.pop("batch_size", None)
    for key in ("batch_input_shape", "batch_shape"):
        if kwargs.get(key) is not None:
            return tuple(kwargs.pop(key))
    length, width, shape = (kwargs.pop(key, None) for key in ("input_length", "input_dim", "input_shape"))
    if shape is None and width is not None:
        shape = (length, width) if length is not None else (width,)
    if shape is None:
        return None
    return (batch_size, *((shape,) if isinstance(shape, int) else shape))
