"""Images: files and arrays, random changes, batches of changed images."""

from tkeras.preprocessing._directory_iterator import DirectoryIterator as DirectoryIterator
from tkeras.preprocessing._frame_iterator import DataFrameIterator as DataFrameIterator
from tkeras.preprocessing._generator import ImageDataGenerator as ImageDataGenerator
from tkeras.preprocessing._image_functions import apply_affine_transform as apply_affine_transform
from tkeras.preprocessing._image_functions import apply_brightness_shift as apply_brightness_shift
from tkeras.preprocessing._image_functions import apply_channel_shift as apply_channel_shift
from tkeras.preprocessing._image_functions import random_brightness as random_brightness
from tkeras.preprocessing._image_functions import random_channel_shift as random_channel_shift
from tkeras.preprocessing._image_functions import random_rotation as random_rotation
from tkeras.preprocessing._image_functions import random_shear as random_shear
from tkeras.preprocessing._image_functions import random_shift as random_shift
from tkeras.preprocessing._image_functions import random_zoom as random_zoom
from tkeras.preprocessing._iterators import Iterator as Iterator
from tkeras.preprocessing._iterators import NumpyArrayIterator as NumpyArrayIterator
from tkeras.utils._images import array_to_img as array_to_img
from tkeras.utils._images import img_to_array as img_to_array
from tkeras.utils._images import load_img as load_img
from tkeras.utils._images import save_img as save_img
from tkeras.utils._images import smart_resize as smart_resize
