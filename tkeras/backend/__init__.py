"""Settings and housekeeping under the name Keras scripts use."""

from tkeras.backend._session import clear_session as clear_session
from tkeras.config import epsilon as epsilon
from tkeras.config import floatx as floatx
from tkeras.config import image_data_format as image_data_format
from tkeras.config import set_epsilon as set_epsilon
from tkeras.config import set_floatx as set_floatx
from tkeras.config import set_image_data_format as set_image_data_format
from tkeras.config import standardize_dtype as standardize_dtype
from tkeras.graph import get_uid as get_uid
from tkeras.graph import is_keras_tensor as is_keras_tensor
