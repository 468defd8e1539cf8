"""Names of ``tf.image``."""

from tkeras.compat.tensorflow._image import central_crop as central_crop
from tkeras.compat.tensorflow._image import convert_image_dtype as convert_image_dtype
from tkeras.compat.tensorflow._image import flip_left_right as flip_left_right
from tkeras.compat.tensorflow._image import flip_up_down as flip_up_down
from tkeras.compat.tensorflow._image import grayscale_to_rgb as grayscale_to_rgb
from tkeras.compat.tensorflow._image import random_flip_left_right as random_flip_left_right
from tkeras.compat.tensorflow._image import random_flip_up_down as random_flip_up_down
from tkeras.compat.tensorflow._image import resize as resize
from tkeras.compat.tensorflow._image import rgb_to_grayscale as rgb_to_grayscale
