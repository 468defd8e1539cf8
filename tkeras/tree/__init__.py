"""Nested structures of lists, tuples, named tuples, deques and mappings."""

from tkeras.tree._structure import assert_same_paths as assert_same_paths
from tkeras.tree._structure import assert_same_structure as assert_same_structure
from tkeras.tree._structure import flatten as flatten
from tkeras.tree._structure import flatten_with_path as flatten_with_path
from tkeras.tree._structure import is_nested as is_nested
from tkeras.tree._structure import pack_sequence_as as pack_sequence_as
from tkeras.tree._walk import MAP_TO_NONE as MAP_TO_NONE
from tkeras.tree._walk import lists_to_tuples as lists_to_tuples
from tkeras.tree._walk import map_shape_structure as map_shape_structure
from tkeras.tree._walk import map_structure as map_structure
from tkeras.tree._walk import map_structure_up_to as map_structure_up_to
from tkeras.tree._walk import traverse as traverse
