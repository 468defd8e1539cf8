"""A user's recurrent step, written as code on tensors, as a cell that the scan kernels can run."""

from ._cell import TracedStep as TracedStep
from ._cell import trace_step as trace_step
from ._values import UntraceableError as UntraceableError
