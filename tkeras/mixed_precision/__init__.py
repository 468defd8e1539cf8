"""Mixed precision under Keras' older names: policies, and the optimizer that scales losses."""

from tkeras.config import DTypePolicy as DTypePolicy
from tkeras.config import dtype_policy as dtype_policy
from tkeras.config import set_dtype_policy as set_dtype_policy
from tkeras.optimizers import LossScaleOptimizer as LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
