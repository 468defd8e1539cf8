"""What can be known about kernels without a GPU."""

from ._check import check_kernel as check_kernel
from ._compile import CompileResult as CompileResult
from ._compile import cross_compile as cross_compile
from ._numerics import measure_errors as measure_errors
from ._occupancy import occupancy as occupancy
from ._reviewed import EXEMPTIONS as EXEMPTIONS
from ._reviewed import multiplies_tiles as multiplies_tiles
from ._specification import Specification as Specification
from ._specification import case_attributes as case_attributes
from ._specification import case_tensors as case_tensors
from ._specification import operator_kernels as operator_kernels
from ._specification import operator_passes as operator_passes
from ._specification import specify as specify
from ._static import DTYPES as DTYPES
from ._static import EXACT as EXACT
from ._static import Row as Row
from ._static import compile_all as compile_all
from ._static import plan as plan
from ._static import wanted as wanted
from ._warm import warm as warm
