"""``.safetensors`` files: eight bytes of length, a JSON header with types, shapes and places, then the raw
values.

Layout: https://huggingface.co/docs/safetensors. Names are the places in the model, as in
``layers.dense.kernel``.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from tkeras.layers._layer import Layer
from tkeras.saving._archive import parse_json
from tkeras.saving._saveables import saveables

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64":
    torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
    "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_MAX_HEADER = 64 << 20
_METADATA = "__metadata__"


def named_tensors(model: Any) -> dict[str, torch.Tensor]:
    """The weights of a model by their place in it."""
    found: dict[str, torch.Tensor] = {}
    for path, part in saveables(model).items():
        if isinstance(part, Layer):
            inner = [(variable.name, variable) for variable in part._own_variables()]
        elif isinstance(part, torch.nn.Module):
            inner = list(part.state_dict().items())
        else:
            continue
        for name, tensor in inner:
            full, count = f"{path}/{name}".lstrip("/").replace("/", "."), 0
            while (key := f"{full}_{count}" if count else full) in found:
                count += 1
            found[key] = tensor
    return found


def save_safetensors(model: Any, path: Path) -> None:
    """Write the weights of a model; their checksum goes into the metadata."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in named_tensors(model).items()}
    header: dict[str, Any] = {}
    offset, checksum = 0, hashlib.sha256()
    for name, tensor in tensors.items():
        content = _bytes(tensor)
        checksum.update(content)
        places = [offset, offset := offset + len(content)]
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": places}
    shapes = json.dumps(header, separators=(",", ":"))
    checksum.update(shapes.encode())
    header = {_METADATA: {"format": "pt", "sha256": checksum.hexdigest()}, **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(_bytes(tensor))


def _bytes(tensor: torch.Tensor) -> memoryview:
    """The values as they lie in memory."""
    return tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else memoryview(b"")


def load_safetensors(model: Any, path: Path, skip_mismatch: bool = False) -> None:
    """Read the weights of a model; nothing is changed unless all of them are there and fit.

    Raises:
        ValueError: a damaged file, or one that holds the weights of another model.
    """
    expected = named_tensors(model)
    with open(path, "rb") as file:
        header, start = _header(file, path)
        checksum = (header.pop(_METADATA, None) or {}).get("sha256")
        if not skip_mismatch and header.keys() != expected.keys():
            missing, unknown = (
                sorted(expected.keys() - header.keys()),
                sorted(header.keys() - expected.keys()),
            )
            raise ValueError(
                f"{path} does not fit the model. Missing: {missing[:10]}. Unknown: {unknown[:10]}"
            )
        entries = {name: _entry(name, data, path) for name, data in header.items()}
        _check_places(entries, path.stat().st_size - start, path)
        if checksum is not None:
            _check_sum(file, start, header, str(checksum), path)
        values = {}
        for name, tensor in expected.items():
            try:
                values[name] = _read(file, start, name, entries.get(name), tensor, path)
            except ValueError as error:
                if not skip_mismatch:
                    raise
                warnings.warn(f"A weight could not be loaded and is left as it is: {error}", stacklevel=4)
    with torch.no_grad():
        for name, value in values.items():
            expected[name].copy_(value)


def _header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], int]:
    length = file.read(8)
    size = struct.unpack("<Q", length)[0] if len(length) == 8 else 0
    if not 2 <= size <= min(_MAX_HEADER, path.stat().st_size - 8):
        raise ValueError(f"{path} is no safetensors file: its header would have {size:,} bytes.")
    return parse_json(file.read(size), f"{path}: header"), 8 + size


Entry = tuple[torch.dtype, tuple[int, ...], int, int]


def _entry(name: str, data: Any, path: Path) -> Entry:
    """(type, shape, begin, end) of one tensor."""
    where = f"{path}: tensor {name!r}"
    if not isinstance(data, dict) or data.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{where}: expected dtype, shape and data_offsets. Received: {data!r:.200}")
    dtype, shape, places = data["dtype"], data["shape"], data["data_offsets"]
    numbers = [shape, places]
    if (
        not all(isinstance(n, list) and all(type(i) is int and i >= 0 for i in n) for n in numbers)
        or len(places) != 2
    ):
        raise ValueError(
            f"{where}: shape and data_offsets must be lists of integers. Received: {data!r:.200}"
        )
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise ValueError(f"{where}: unknown dtype {dtype!r:.50}. Expected one of {sorted(_TYPES)}")
    if places[1] - places[0] != math.prod(shape) * _TYPES[dtype].itemsize:
        raise ValueError(f"{where}: its {places[1] - places[0]} bytes do not make {dtype} of shape {shape}.")
    return _TYPES[dtype], tuple(shape), places[0], places[1]


def _check_places(entries: dict[str, Entry], size: int, path: Path) -> None:
    """The tensors lie one after the other, without gaps or overlaps, up to the end of the file."""
    end = 0
    for _, _, begin, stop in sorted(entries.values(), key=lambda entry: entry[2:]):
        if begin != end:
            raise ValueError(f"{path} is damaged: tensors overlap or leave a gap at byte {end}.")
        end = stop
    if end != size:
        raise ValueError(f"{path} is damaged: it holds {size:,} bytes of values. Expected: {end:,}")


def _check_sum(file: BinaryIO, start: int, header: dict[str, Any], checksum: str, path: Path) -> None:
    found = hashlib.sha256()
    file.seek(start)
    while chunk := file.read(1 << 20):
        found.update(chunk)
    found.update(json.dumps(header, separators=(",", ":")).encode())
    if found.hexdigest() != checksum:
        raise ValueError(f"{path} is damaged or was changed: its checksum does not fit its contents.")


def _read(
    file: BinaryIO, start: int, name: str, entry: Entry | None, tensor: torch.Tensor, path: Path
) -> torch.Tensor:
    if entry is None:
        raise ValueError(f"{path} has no tensor {name!r}.")
    dtype, shape, begin, end = entry
    if shape != tuple(tensor.shape):
        raise ValueError(f"{path}: tensor {name!r} has shape {shape}. Expected: {tuple(tensor.shape)}")
    file.seek(start + begin)
    content = np.frombuffer(bytearray(file.read(end - begin)), np.uint8)
    return (
        torch.from_numpy(content).view(dtype).reshape(shape)
        if len(content)
        else torch.empty(shape, dtype=dtype)
    )
