"""Names of ``tf.linalg``."""

from tkeras.compat.tensorflow._arrays import eye as eye
from tkeras.compat.tensorflow._reductions import matmul as matmul
from tkeras.compat.tensorflow._reductions import norm as norm
from tkeras.compat.tensorflow._reductions import tensordot as tensordot
from tkeras.ops import cholesky as cholesky
from tkeras.ops import det as det
from tkeras.ops import diag as diag
from tkeras.ops import inv as inv
from tkeras.ops import qr as qr
from tkeras.ops import solve as solve
from tkeras.ops import trace as trace
