"""Layers that join tensors."""

from tkeras.layers.merging._merge import Add as Add
from tkeras.layers.merging._merge import Average as Average
from tkeras.layers.merging._merge import Concatenate as Concatenate
from tkeras.layers.merging._merge import Dot as Dot
from tkeras.layers.merging._merge import Maximum as Maximum
from tkeras.layers.merging._merge import Merge as Merge
from tkeras.layers.merging._merge import Minimum as Minimum
from tkeras.layers.merging._merge import Multiply as Multiply
from tkeras.layers.merging._merge import Subtract as Subtract
from tkeras.layers.merging._merge import add as add
from tkeras.layers.merging._merge import average as average
from tkeras.layers.merging._merge import concatenate as concatenate
from tkeras.layers.merging._merge import dot as dot
from tkeras.layers.merging._merge import maximum as maximum
from tkeras.layers.merging._merge import minimum as minimum
from tkeras.layers.merging._merge import multiply as multiply
from tkeras.layers.merging._merge import subtract as subtract
