"""Names of ``tf.random``."""

from tkeras.compat.tensorflow._random import categorical as categorical
from tkeras.compat.tensorflow._random import normal as normal
from tkeras.compat.tensorflow._random import set_seed as set_seed
from tkeras.compat.tensorflow._random import shuffle as shuffle
from tkeras.compat.tensorflow._random import truncated_normal as truncated_normal
from tkeras.compat.tensorflow._random import uniform as uniform
