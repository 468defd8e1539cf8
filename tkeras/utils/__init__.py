"""Helpers for scripts."""

from tkeras.saving import CustomObjectScope as CustomObjectScope
from tkeras.saving import custom_object_scope as custom_object_scope
from tkeras.saving import deserialize_keras_object as deserialize_keras_object
from tkeras.saving import get_custom_objects as get_custom_objects
from tkeras.saving import get_registered_name as get_registered_name
from tkeras.saving import get_registered_object as get_registered_object
from tkeras.saving import register_keras_serializable as register_keras_serializable
from tkeras.saving import serialize_keras_object as serialize_keras_object
from tkeras.utils import bounding_boxes as bounding_boxes
from tkeras.utils._get_file import get_file as get_file
from tkeras.utils._labels import normalize as normalize
from tkeras.utils._labels import to_categorical as to_categorical
from tkeras.utils._progbar import Progbar as Progbar
from tkeras.utils._seed import set_random_seed as set_random_seed
from tkeras.utils._source_inputs import get_source_inputs as get_source_inputs
