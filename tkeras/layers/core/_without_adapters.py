"""What Keras' layers with a kernel offer and these refuse: LoRA and quantization."""

from __future__ import annotations

from typing import Any

from tkeras.layers._layer import Layer

_ARGUMENTS = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")


class WithoutAdapters(Layer):
    """A layer that says so when LoRA or quantization is asked of it."""

    def __init__(self, **kwargs: Any):
        for key in _ARGUMENTS:
            if (value := kwargs.pop(key, None)) is not None:
                raise ValueError(f"{type(self).__name__}: `{key}={value}` is not supported; only None is.")
        super().__init__(**kwargs)

    def enable_lora(self, rank: int, *args: Any, **kwargs: Any) -> None:
        """Not supported.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f'Layer "{self.name}" ({type(self).__name__}): LoRA is not supported. '
            "Set `trainable = False` on it and add a trainable low-rank layer beside it instead."
        )

    def quantize(self, mode: Any = None, *args: Any, **kwargs: Any) -> None:
        """Not supported.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f'Layer "{self.name}" ({type(self).__name__}): quantization is not supported. '
            f"Received: mode={mode}"
        )
