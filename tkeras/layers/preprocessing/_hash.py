"""Fingerprints of byte strings: FarmHash64 and SipHash-2-4, the functions behind Keras' hashing layers."""

from __future__ import annotations

from collections.abc import Callable

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _rotate(value: int, shift: int) -> int:
    value &= _MASK
    return ((value >> shift) | (value << (64 - shift))) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _hash16(u: int, v: int, multiplier: int) -> int:
    a = _mix((u ^ v) * multiplier)
    return _mix((v ^ a) * multiplier) * multiplier & _MASK


def _at(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 8], "little")


def _to_16(data: bytes) -> int:
    size = len(data)
    if size >= 8:
        multiplier = _K2 + 2 * size
        a, b = _at(data, 0) + _K2 & _MASK, _at(data, size - 8)
        c = _rotate(b, 37) * multiplier + a & _MASK
        return _hash16(c, (_rotate(a, 25) + b) * multiplier & _MASK, multiplier)
    if size >= 4:
        first, last = (int.from_bytes(data[start : start + 4], "little") for start in (0, size - 4))
        return _hash16(size + (first << 3), last, _K2 + 2 * size)
    if size == 0:
        return _K2
    y = data[0] + (data[size >> 1] << 8)
    z = size + (data[-1] << 2)
    return _mix(y * _K2 ^ z * _K0) * _K2 & _MASK


def _ends(data: bytes, a: int, multiplier: int) -> tuple[int, int]:
    """Two numbers of the first 16 and the last 16 bytes."""
    size = len(data)
    b, c = _at(data, 8), _at(data, size - 8) * multiplier
    d = _at(data, size - 16) * _K2
    return _rotate(a + b, 43) + _rotate(c, 30) + d & _MASK, a + _rotate(b + _K2, 18) + c & _MASK


def _to_32(data: bytes) -> int:
    multiplier = _K2 + 2 * len(data)
    return _hash16(*_ends(data, _at(data, 0) * _K1, multiplier), multiplier)


def _to_64(data: bytes) -> int:
    size = len(data)
    multiplier = _K2 + 2 * size
    a = _at(data, 0) * _K2
    y, second = _ends(data, a, multiplier)
    z = _hash16(y, second, multiplier)
    e, f = _at(data, 16) * multiplier, _at(data, 24)
    g, h = (y + _at(data, size - 32)) * multiplier, (z + _at(data, size - 24)) * multiplier
    u = _rotate(e + f, 43) + _rotate(g, 30) + h & _MASK
    return _hash16(u, e + _rotate(f + a, 18) + g & _MASK, multiplier)


def _weak32(data: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_at(data, start + offset) for offset in (0, 8, 16, 24))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    return a + z & _MASK, b + _rotate(a, 44) + c & _MASK


Pair = tuple[int, int]


def _round(
    data: bytes, at: int, x: int, y: int, z: int, v: Pair, w: Pair, by: int, weight: int
) -> tuple[int, int, int, Pair, Pair]:
    """Take in 64 bytes; ``by`` multiplies, ``weight`` is how much the pairs count in ``x`` and ``y``."""
    x = _rotate(x + y + v[0] + _at(data, at + 8), 37) * by & _MASK
    y = _rotate(y + v[1] + _at(data, at + 48), 42) * by & _MASK
    x ^= w[1] * weight & _MASK
    y = y + v[0] * weight + _at(data, at + 40) & _MASK
    z = _rotate(z + w[0], 33) * by & _MASK
    v = _weak32(data, at, v[1] * by, x + w[0])
    w = _weak32(data, at + 32, z + w[1], y + _at(data, at + 16))
    return z, y, x, v, w


def farm_hash(data: bytes) -> int:
    """FarmHash's 64-bit fingerprint (Pike, 2014): the one of TensorFlow's ``Fingerprint64``."""
    size = len(data)
    if size <= 64:
        return (_to_16 if size <= 16 else _to_32 if size <= 32 else _to_64)(data)
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    x = x * _K2 + _at(data, 0) & _MASK
    v = w = (0, 0)
    for at in range(0, (size - 1) // 64 * 64, 64):
        x, y, z, v, w = _round(data, at, x, y, z, v, w, _K1, 1)
    by = _K1 + ((z & 0xFF) << 1)
    w0 = w[0] + ((size - 1) & 63)
    v0 = v[0] + w0
    v, w = (v0 & _MASK, v[1]), (w0 + v0 & _MASK, w[1])
    x, y, z, v, w = _round(data, size - 64, x, y, z, v, w, by, 9)
    first = _hash16(v[0], w[0], by) + _mix(y) * _K0 + z & _MASK
    return _hash16(first, _hash16(v[1], w[1], by) + x & _MASK, by)


def _sip_round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = a + b & _MASK
    b = _rotate(b, 51) ^ a
    a = _rotate(a, 32)
    c = c + d & _MASK
    d = _rotate(d, 48) ^ c
    a = a + d & _MASK
    d = _rotate(d, 43) ^ a
    c = c + b & _MASK
    b = _rotate(b, 47) ^ c
    return a, b, _rotate(c, 32), d


def sip_hash(data: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 (Aumasson and Bernstein, 2012) under a key of two 64-bit numbers."""
    first, second = (part & _MASK for part in key)
    state = (
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    )
    whole = len(data) // 8 * 8
    words = [_at(data, start) for start in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        a, b, c, d = state
        state = (a, b, c, d ^ word)
        for _ in range(2):
            state = _sip_round(*state)
        state = (state[0] ^ word, *state[1:])
    a, b, c, d = state
    state = (a, b, c ^ 0xFF, d)
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


_CROSS = 0xC6A4A7935BD1E995


def joined(first: int, second: int) -> int:
    """One fingerprint of two, in order: TensorFlow's ``FingerprintCat64``."""
    result = (first ^ _CROSS ^ _mix(second * _CROSS) * _CROSS) & _MASK
    return _mix(_mix(result * _CROSS) * _CROSS)


def hasher(salt: tuple[int, int] | None) -> Callable[[bytes], int]:
    """FarmHash, or SipHash under ``salt``."""
    return farm_hash if salt is None else lambda data: sip_hash(data, salt)
