"""The functions of `keras.ops.image`."""

from tkeras.ops._filter import gaussian_blur as gaussian_blur
from tkeras.ops._filter import scale_and_translate as scale_and_translate
from tkeras.ops._filter import sobel_edges as sobel_edges
from tkeras.ops._filter import ssim as ssim
from tkeras.ops._image import crop_images as crop_images
from tkeras.ops._image import extract_patches as extract_patches
from tkeras.ops._image import extract_patches_3d as extract_patches_3d
from tkeras.ops._image import hsv_to_rgb as hsv_to_rgb
from tkeras.ops._image import pad_images as pad_images
from tkeras.ops._image import resize as resize
from tkeras.ops._image import rgb_to_grayscale as rgb_to_grayscale
from tkeras.ops._image import rgb_to_hsv as rgb_to_hsv
from tkeras.ops._warp import affine_transform as affine_transform
from tkeras.ops._warp import elastic_transform as elastic_transform
from tkeras.ops._warp import map_coordinates as map_coordinates
from tkeras.ops._warp import perspective_transform as perspective_transform
