"""Names of ``tf.math``."""

from tkeras import ops
from tkeras.compat.tensorflow._reductions import add as add
from tkeras.compat.tensorflow._reductions import add_n as add_n
from tkeras.compat.tensorflow._reductions import argmax as argmax
from tkeras.compat.tensorflow._reductions import argmin as argmin
from tkeras.compat.tensorflow._reductions import cumsum as cumsum
from tkeras.compat.tensorflow._reductions import divide as divide
from tkeras.compat.tensorflow._reductions import floormod as floormod
from tkeras.compat.tensorflow._reductions import l2_normalize as l2_normalize
from tkeras.compat.tensorflow._reductions import multiply as multiply
from tkeras.compat.tensorflow._reductions import reduce_all as reduce_all
from tkeras.compat.tensorflow._reductions import reduce_any as reduce_any
from tkeras.compat.tensorflow._reductions import reduce_logsumexp as reduce_logsumexp
from tkeras.compat.tensorflow._reductions import reduce_max as reduce_max
from tkeras.compat.tensorflow._reductions import reduce_mean as reduce_mean
from tkeras.compat.tensorflow._reductions import reduce_min as reduce_min
from tkeras.compat.tensorflow._reductions import reduce_prod as reduce_prod
from tkeras.compat.tensorflow._reductions import reduce_std as reduce_std
from tkeras.compat.tensorflow._reductions import reduce_sum as reduce_sum
from tkeras.compat.tensorflow._reductions import reduce_variance as reduce_variance
from tkeras.compat.tensorflow._reductions import squared_difference as squared_difference
from tkeras.compat.tensorflow._reductions import subtract as subtract
from tkeras.compat.tensorflow._reductions import top_k as top_k
from tkeras.ops import abs as abs
from tkeras.ops import ceil as ceil
from tkeras.ops import cos as cos
from tkeras.ops import cosh as cosh
from tkeras.ops import divide_no_nan as divide_no_nan
from tkeras.ops import equal as equal
from tkeras.ops import erf as erf
from tkeras.ops import exp as exp
from tkeras.ops import expm1 as expm1
from tkeras.ops import floor as floor
from tkeras.ops import greater as greater
from tkeras.ops import greater_equal as greater_equal
from tkeras.ops import in_top_k as in_top_k
from tkeras.ops import less as less
from tkeras.ops import less_equal as less_equal
from tkeras.ops import log as log
from tkeras.ops import log1p as log1p
from tkeras.ops import log_sigmoid as log_sigmoid
from tkeras.ops import logical_and as logical_and
from tkeras.ops import logical_not as logical_not
from tkeras.ops import logical_or as logical_or
from tkeras.ops import logical_xor as logical_xor
from tkeras.ops import maximum as maximum
from tkeras.ops import minimum as minimum
from tkeras.ops import mod as mod
from tkeras.ops import negative as negative
from tkeras.ops import not_equal as not_equal
from tkeras.ops import reciprocal as reciprocal
from tkeras.ops import round as round
from tkeras.ops import rsqrt as rsqrt
from tkeras.ops import segment_max as segment_max
from tkeras.ops import segment_sum as segment_sum
from tkeras.ops import sigmoid as sigmoid
from tkeras.ops import sign as sign
from tkeras.ops import sin as sin
from tkeras.ops import sinh as sinh
from tkeras.ops import softplus as softplus
from tkeras.ops import sqrt as sqrt
from tkeras.ops import square as square
from tkeras.ops import tan as tan
from tkeras.ops import tanh as tanh

acos, asin, atan, atan2 = ops.arccos, ops.arcsin, ops.arctan, ops.arctan2
is_finite, is_inf, is_nan = ops.isfinite, ops.isinf, ops.isnan
pow = ops.power
