"""Choosing what runs an operator, running it, and saying why."""

from ._backend import BACKENDS as BACKENDS
from ._backend import backend_scope as backend_scope
from ._backend import get_backend as get_backend
from ._backend import set_backend as set_backend
from ._dispatch import dispatch as dispatch
from ._failures import KernelWarning as KernelWarning
from ._failures import forget_failures as forget_failures
from ._failures import record_failure as record_failure
from ._failures import recount as recount
from ._precision import get_matmul_precision as get_matmul_precision
from ._precision import set_matmul_precision as set_matmul_precision
from ._report import Decision as Decision
from ._report import Record as Record
from ._report import report as report
from ._report import reset_report as reset_report
from ._triton import triton_mode as triton_mode
from ._triton import use_triton as use_triton
from ._verify import WrongResultError as WrongResultError
from ._verify import check_backward as check_backward
from ._verify import check_forward as check_forward
from ._verify import set_verification as set_verification
