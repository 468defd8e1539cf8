"""How Keras describes the quantization of a layer. Layers here are quantized by torch instead."""

from __future__ import annotations

from typing import Any, Self

from tkeras.quantizers._quantizer import AbsMaxQuantizer, deserialize, serialize
from tkeras.quantizers._rounding import check_range
from tkeras.saving import public

_DEFAULT = "default"


def _tokens(value: Any) -> Any:
    return None if value is None else serialize(value)


@public("keras.quantizers.QuantizationConfig")
class QuantizationConfig:
    """The quantizers of weights and of inputs.

    Args:
        weight_quantizer, activation_quantizer: a quantizer or None.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None):
        self.weight_quantizer, self.activation_quantizer = weight_quantizer, activation_quantizer
        for quantizer in (weight_quantizer, activation_quantizer):
            if quantizer is not None:
                check_range(quantizer.output_dtype, quantizer.value_range)

    @property
    def mode(self) -> str:
        """int8, int4, float8, gptq or awq."""
        raise NotImplementedError(
            "Subclasses must implement this property. Do not instantiate QuantizationConfig directly."
        )

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of weights of ``config``, else ``default``."""
        own = None if config is None else config.weight_quantizer
        return default if own is None else own

    @staticmethod
    def activation_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of inputs of ``config``; ``default`` where there is no ``config``."""
        return default if config is None else config.activation_quantizer

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "weight_quantizer": _tokens(self.weight_quantizer),
            "activation_quantizer": _tokens(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A description from :meth:`get_config`."""
        made = {
            key: deserialize(value) if key.endswith("quantizer") and isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**made)


@public("keras.quantizers.Int8QuantizationConfig")
class Int8QuantizationConfig(QuantizationConfig):
    """Weights and inputs in int8."""

    mode = "int8"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = _DEFAULT):
        if activation_quantizer == _DEFAULT:
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)


@public("keras.quantizers.Int4QuantizationConfig")
class Int4QuantizationConfig(QuantizationConfig):
    """Weights in int4, with a scale for every ``block_size`` rows (None or -1: for a whole column)."""

    mode = "int4"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(
        self,
        weight_quantizer: Any = None,
        activation_quantizer: Any = _DEFAULT,
        block_size: int | None = 128,
    ):
        if activation_quantizer == _DEFAULT:
            activation_quantizer = None
        super().__init__(weight_quantizer, activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}"
            )
        self.block_size = block_size

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}


@public("keras.quantizers.Float8QuantizationConfig")
class Float8QuantizationConfig(QuantizationConfig):
    """Weights and inputs in 8-bit floats."""

    mode = "float8"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self) -> None:
        super().__init__()

    def get_config(self) -> dict[str, Any]:
        return {}


class _Calibrated(QuantizationConfig):
    """Weights rounded to what changes the outputs on sample data least."""

    fields: tuple[str, ...]
    dataset: Any
    tokenizer: Any
    weight_bits: int
    group_size: int

    def _keep(self, given: dict[str, Any]) -> None:
        self.__dict__.update({key: given[key] for key in ("dataset", "tokenizer", *self.fields)})
        for key in ("num_samples", "sequence_length"):
            if given[key] <= 0:
                raise ValueError(f"{key} must be a positive integer.")
        if self.group_size < -1 or self.group_size == 0:
            raise ValueError(
                "Invalid group_size. Supported values are -1 (whole-tensor) or a positive integer, but got "
                f"{self.group_size}."
            )

    def dtype_policy_string(self) -> str:
        """The mode with its numbers, as in names of policies."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, without the data and the tokenizer."""
        return {"dataset": None, "tokenizer": None, **{key: getattr(self, key) for key in self.fields}}


@public("keras.quantizers.GPTQConfig")
class GPTQConfig(_Calibrated):
    """Of GPTQ (Frantar et al. 2022)."""

    mode = "gptq"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    fields = (
        "weight_bits", "num_samples", "per_channel", "sequence_length", "hessian_damping", "group_size",
        "symmetric", "activation_order", "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
    ):
        super().__init__()
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8.")
        self._keep(locals())


@public("keras.quantizers.AWQConfig")
class AWQConfig(_Calibrated):
    """Of AWQ (Lin et al. 2023)."""

    mode = "awq"  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    fields = (
        "weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points",
        "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
    ):
        super().__init__()
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received weight_bits={weight_bits}.")
        self._keep(locals())
