"""Names of ``tf.data.experimental``."""

from tkeras.compat.tensorflow._dataset import AUTOTUNE as AUTOTUNE
