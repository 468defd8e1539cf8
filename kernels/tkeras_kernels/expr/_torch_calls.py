"""Torch functions and methods of a traced value."""

from __future__ import annotations


def method(x, name):
    return None


def call(func, args, kwargs):
    raise NotImplementedError
