"""Names of ``tf.test``."""

from tkeras.compat.tensorflow._devices import gpu_device_name as gpu_device_name
from tkeras.compat.tensorflow._devices import is_built_with_cuda as is_built_with_cuda
from tkeras.compat.tensorflow._devices import is_gpu_available as is_gpu_available
