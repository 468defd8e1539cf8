"""What scripts of Keras 2 prepare data with."""

from tkeras.preprocessing import image as image
from tkeras.preprocessing import sequence as sequence
from tkeras.preprocessing import text as text
from tkeras.utils import image_dataset_from_directory as image_dataset_from_directory
from tkeras.utils import text_dataset_from_directory as text_dataset_from_directory
from tkeras.utils import timeseries_dataset_from_array as timeseries_dataset_from_array
