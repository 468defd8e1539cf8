"""Names of ``tf.config``."""

from tkeras.compat.tensorflow._devices import list_logical_devices as list_logical_devices
from tkeras.compat.tensorflow._devices import list_physical_devices as list_physical_devices
from tkeras.compat.tensorflow._devices import run_functions_eagerly as run_functions_eagerly
