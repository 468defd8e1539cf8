"""Settings: default types and layouts, the backend, dtype policies."""

from tkeras.config._device import default_device as default_device
from tkeras.config._dtypes import is_float_dtype as is_float_dtype
from tkeras.config._dtypes import is_int_dtype as is_int_dtype
from tkeras.config._dtypes import standardize_dtype as standardize_dtype
from tkeras.config._dtypes import torch_dtype as torch_dtype
from tkeras.config._logging import disable_interactive_logging as disable_interactive_logging
from tkeras.config._logging import enable_interactive_logging as enable_interactive_logging
from tkeras.config._logging import is_interactive_logging_enabled as is_interactive_logging_enabled
from tkeras.config._policy import DTypePolicy as DTypePolicy
from tkeras.config._policy import dtype_policy as dtype_policy
from tkeras.config._policy import set_dtype_policy as set_dtype_policy
from tkeras.config._state import epsilon as epsilon
from tkeras.config._state import floatx as floatx
from tkeras.config._state import image_data_format as image_data_format
from tkeras.config._state import set_epsilon as set_epsilon
from tkeras.config._state import set_floatx as set_floatx
from tkeras.config._state import set_image_data_format as set_image_data_format
from tkeras.config._state import standardize_data_format as standardize_data_format
from tkeras_kernels.runtime import backend_scope as backend_scope
from tkeras_kernels.runtime import get_backend as get_backend
from tkeras_kernels.runtime import set_backend as set_backend
