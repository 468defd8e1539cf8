"""``compile``, ``fit`` and what they need."""

from tkeras.training._data import pack_x_y_sample_weight as pack_x_y_sample_weight
from tkeras.training._data import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from tkeras.training._trainer import Trainer as Trainer
