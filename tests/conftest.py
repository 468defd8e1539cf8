"""Chooses Triton's mode before anything imports it: the interpreter where there is no GPU."""

import os

import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
