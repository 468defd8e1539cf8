"""Names of ``keras.mixed_precision``, which are those of dtype policies."""

from tkeras.config import DTypePolicy as DTypePolicy
from tkeras.config import DTypePolicy as Policy
from tkeras.config import dtype_policy as dtype_policy
from tkeras.config import dtype_policy as global_policy
from tkeras.config import set_dtype_policy as set_dtype_policy
from tkeras.config import set_dtype_policy as set_global_policy
from tkeras.config import set_dtype_policy as set_policy
from tkeras.optimizers import LossScaleOptimizer as LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
    "set_policy",
]
