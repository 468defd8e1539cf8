"""Script: thousands of launches of the resident grid, forward and backward, each held against the first, and
the first against one launch a step; while other work keeps the device busy in between."""

import torch

from tests.kernels import scan_cases as scans
from tkeras_kernels import runtime
from tkeras_kernels.operators import gru, lstm, simple_rnn

ROUNDS = 300
SIZES = [(32, 200, 64, 512), (17, 300, 33, 257), (64, 100, 64, 1024), (100, 50, 16, 320), (1, 500, 8, 300)]
"""(batch, steps, width, units)."""


def results(operator, tensors, grid):
    runtime.set_grid_scan(grid)
    outputs, saved = operator.forward(*tensors, return_sequences=True)
    needs = [tensor is not None for tensor in tensors]
    gradients = operator.backward(saved, outputs, needs, return_sequences=True)
    return [*outputs, *(gradient for gradient in gradients if gradient is not None)]


def main():
    torch.manual_seed(0)
    count = 0
    for operator in (lstm, gru, simple_rnn):
        for size in SIZES:
            tensors = scans.arguments(operator.name, size, torch.bfloat16, "cuda", starts=False)
            runtime.set_grid_scan(True)
            if "wait for each other" not in operator.route(tuple(tensors), {}):
                continue
            expected = results(operator, tensors, grid=False)
            first = results(operator, tensors, grid=True)
            for ours, theirs in zip(first, expected, strict=True):
                torch.testing.assert_close(ours.float(), theirs.float(), rtol=5e-2, atol=5e-2)
            for round_ in range(ROUNDS):
                again = results(operator, tensors, grid=True)
                if round_ % 10 == 0:
                    torch.randn(1 << 22, device="cuda").sort()
                for one, other in zip(first, again, strict=True):
                    assert torch.equal(one, other), (operator.name, size, round_)
                count += 2
    torch.cuda.synchronize()
    assert count, "no size took the resident grid on this device"
    print(f"{count} launches, all equal")


if __name__ == "__main__":
    main()
