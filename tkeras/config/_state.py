"""The few global settings of Keras: default float type, fuzz factor, image layout."""

from __future__ import annotations

from typing import Any

_FLOATX = ("float16", "bfloat16", "float32", "float64")
_DATA_FORMATS = ("channels_last", "channels_first")
_state: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


def floatx() -> str:
    """Name of the default float type: ``float32`` unless :func:`set_floatx` changed it."""
    return _state["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type.

    Raises:
        ValueError: ``value`` is none of float16, bfloat16, float32, float64.
    """
    if value not in _FLOATX:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {set(_FLOATX)}")
    _state["floatx"] = value


def epsilon() -> float:
    """The small number that losses and metrics add to avoid a division by zero."""
    return _state["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the fuzz factor of :func:`epsilon`."""
    _state["epsilon"] = float(value)


def image_data_format() -> str:
    """Default layout of images: ``channels_last`` or ``channels_first``."""
    return _state["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default layout of images."""
    _state["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """``data_format`` in lower case, or the default for None.

    Raises:
        ValueError: neither ``channels_last`` nor ``channels_first``.
    """
    if data_format is None:
        return image_data_format()
    data_format = str(data_format).lower()
    if data_format not in _DATA_FORMATS:
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return data_format


def backend() -> str:
    """``"torch"``: the one Keras backend that tkeras is."""
    return "torch"


def enable_unsafe_deserialization() -> None:
    """Accept serialized Python code from now on, as if every loader were called with ``safe_mode=False``."""
    from tkeras.saving import enable_unsafe_deserialization as enable

    enable()


def is_nnx_enabled() -> bool:
    """False: NNX is JAX's."""
    return False


def enable_flash_attention() -> None:
    """Let attention run the operator that fits, as is the default."""
    _state["flash_attention"] = None


def disable_flash_attention() -> None:
    """Let `ops.dot_product_attention` do without torch's flash attention unless a call demands it.

    Layers go on running the operator that fits; the report says which.
    """
    _state["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """False after :func:`disable_flash_attention`, else None: what fits is chosen."""
    return _state.get("flash_attention")
