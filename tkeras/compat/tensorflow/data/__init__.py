"""Names of ``tf.data``."""

from tkeras.compat.tensorflow._dataset import AUTOTUNE as AUTOTUNE
from tkeras.compat.tensorflow._dataset import Dataset as Dataset
