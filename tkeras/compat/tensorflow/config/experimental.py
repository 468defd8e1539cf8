"""Names of ``tf.config.experimental``."""

from tkeras.compat.tensorflow._devices import list_logical_devices as list_logical_devices
from tkeras.compat.tensorflow._devices import list_physical_devices as list_physical_devices
from tkeras.compat.tensorflow._devices import set_memory_growth as set_memory_growth
