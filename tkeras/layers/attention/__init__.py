"""Attention layers."""

from tkeras.layers.attention._attention import AdditiveAttention as AdditiveAttention
from tkeras.layers.attention._attention import Attention as Attention
from tkeras.layers.attention._grouped import GroupQueryAttention as GroupQueryAttention
from tkeras.layers.attention._multi_head import MultiHeadAttention as MultiHeadAttention
