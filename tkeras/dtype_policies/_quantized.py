"""The names of quantized types: the mode, and the policy that a layer had before.

Layers here are not quantized (use torch's quantization on the model, which is a torch module); these policies
describe files and configurations of Keras.
"""

from __future__ import annotations

from typing import Any, Self

from tkeras.config import DTypePolicy, floatx
from tkeras.saving import public

MODES = ("int8", "float8", "int4", "gptq", "awq")


@public("keras.dtype_policies.QuantizedDTypePolicy")
class QuantizedDTypePolicy(DTypePolicy):
    """A policy of a quantized layer.

    Args:
        mode: one of int8, float8, int4, gptq, awq.
        source_name: name of the policy before; default: ``floatx()``.

    Raises:
        ValueError: an unknown mode, or one that does not go with the policy before.
    """

    def __init__(self, mode: str, source_name: str | None = None):
        source_name = floatx() if source_name is None else source_name
        self._mode, self._source_name = mode, source_name
        self._check_mode(mode)
        super().__init__(source_name)
        self._name = f"{mode}_from_{source_name}"
        if self.quantization_mode == "int8" and self.compute_dtype == "float16":
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'. "
                "Consider using 'bfloat16'."
            )

    def _check_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")

    @property
    def quantization_mode(self) -> str | None:
        """The mode, without its numbers."""
        return self._mode.split("/")[0]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.name == getattr(other, "name", None)

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self._name}">'

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


@public("keras.dtype_policies.QuantizedFloat8DTypePolicy")
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """A policy of a layer in 8-bit floats.

    Args:
        mode, source_name: see :class:`QuantizedDTypePolicy`.
        amax_history_length: how many largest values the scale is made from.
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "`amax_history_length` must be an integer. "
                f"Received: amax_history_length={amax_history_length}"
            )
        self.amax_history_length = amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


class _Numbered(QuantizedDTypePolicy):
    """A policy whose mode has numbers behind slashes."""

    kind: str
    fields: tuple[str, ...]

    def _check_mode(self, mode: str) -> None:
        form = "/".join((self.kind, *(f"<{field}>" for field in self.fields)))
        kind, *numbers = mode.split("/")
        invalid = f"Invalid mode for {type(self).__name__}."
        if kind != self.kind or len(numbers) != len(self.fields):
            raise ValueError(f"{invalid} Expected format '{form}', but got '{mode}'.")
        try:
            values = [int(number) for number in numbers]
        except ValueError:
            names = " and ".join(f"<{field}>" for field in self.fields)
            what = f"{names} must be {'integers' if len(numbers) > 1 else 'an integer'}."
            raise ValueError(f"{invalid} {what} Expected format '{form}', but got '{mode}'.") from None
        self.mode = kind
        for field, value in zip(self.fields, values, strict=True):
            setattr(self, field, value)
            if field != "weight_bits" and (value < -1 or value == 0):
                raise ValueError(
                    f"Invalid {field} in mode. Supported values are -1 (whole-tensor) or a positive integer, "
                    f"but got {value} from '{mode}'."
                )


@public("keras.dtype_policies.Int4DTypePolicy")
class Int4DTypePolicy(_Numbered):
    """``int4/<block_size>``."""

    kind, fields = "int4", ("block_size",)
    block_size: int


@public("keras.dtype_policies.GPTQDTypePolicy")
class GPTQDTypePolicy(_Numbered):
    """``gptq/<weight_bits>/<group_size>``."""

    kind, fields = "gptq", ("weight_bits", "group_size")
    weight_bits: int
    group_size: int

    def _check_mode(self, mode: str) -> None:
        super()._check_mode(mode)
        if self.weight_bits not in (2, 3, 4, 8):
            raise ValueError(
                "Invalid weight_bits in mode. Supported values are 2, 3, 4, and 8, but got "
                f"{self.weight_bits} from '{mode}'."
            )


@public("keras.dtype_policies.AWQDTypePolicy")
class AWQDTypePolicy(_Numbered):
    """``awq/<weight_bits>/<group_size>``."""

    kind, fields = "awq", ("weight_bits", "group_size")
    weight_bits: int
    group_size: int

    def _check_mode(self, mode: str) -> None:
        super()._check_mode(mode)
        if self.weight_bits != 4:
            raise ValueError(
                "Invalid weight_bits in mode. AWQ only supports 4-bit quantization, but got "
                f"{self.weight_bits} from '{mode}'."
            )


_BY_MODE: dict[str, type[QuantizedDTypePolicy]] = {
    "float8": QuantizedFloat8DTypePolicy,
    "int4/": Int4DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
    "int": QuantizedDTypePolicy,
}


def quantized_policy(name: str) -> QuantizedDTypePolicy | None:
    """The policy of a name such as ``int8_from_float32``, None for names of other policies.

    Raises:
        ValueError: a mode without the policy before.
    """
    if not name.startswith(MODES) or name.startswith("float8_e"):
        return None
    mode, _, source = name.partition("_from_")
    if not source:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. Received: policy={name}"
        )
    kind = next(made for prefix, made in _BY_MODE.items() if mode.startswith(prefix))
    return kind(mode, source)
