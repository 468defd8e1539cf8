"""Pictures of batches; needs matplotlib (``pip install matplotlib``)."""

from tkeras.visualization._gallery import plot_image_gallery as plot_image_gallery
from tkeras.visualization._masks import draw_segmentation_masks as draw_segmentation_masks
from tkeras.visualization._masks import plot_segmentation_mask_gallery as plot_segmentation_mask_gallery
