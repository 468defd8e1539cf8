"""The functions of `keras.ops.linalg`."""

from tkeras.ops._control import jvp as jvp
from tkeras.ops._linalg import cholesky as cholesky
from tkeras.ops._linalg import cholesky_inverse as cholesky_inverse
from tkeras.ops._linalg import det as det
from tkeras.ops._linalg import eig as eig
from tkeras.ops._linalg import eigh as eigh
from tkeras.ops._linalg import inv as inv
from tkeras.ops._linalg import lstsq as lstsq
from tkeras.ops._linalg import lu_factor as lu_factor
from tkeras.ops._linalg import matrix_rank as matrix_rank
from tkeras.ops._linalg import norm as norm
from tkeras.ops._linalg import pinv as pinv
from tkeras.ops._linalg import qr as qr
from tkeras.ops._linalg import solve as solve
from tkeras.ops._linalg import solve_triangular as solve_triangular
from tkeras.ops._linalg import svd as svd
