"""Bounding boxes: formats, clipping, overlap, and what a detector learns of them."""

from tkeras.utils.bounding_boxes._convert import clip_to_image_size as clip_to_image_size
from tkeras.utils.bounding_boxes._convert import convert_format as convert_format
from tkeras.utils.bounding_boxes._convert import crop as crop
from tkeras.utils.bounding_boxes._convert import pad as pad
from tkeras.utils.bounding_boxes._deltas import decode_deltas_to_boxes as decode_deltas_to_boxes
from tkeras.utils.bounding_boxes._deltas import encode_box_to_deltas as encode_box_to_deltas
from tkeras.utils.bounding_boxes._overlap import compute_ciou as compute_ciou
from tkeras.utils.bounding_boxes._overlap import compute_iou as compute_iou
