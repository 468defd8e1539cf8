"""`tree` and `dtype_policies` beside real Keras."""

from __future__ import annotations

from collections import OrderedDict, deque, namedtuple
from typing import Any

import pytest

from tests.differential.layer_checks import keras, tkeras

Point = namedtuple("Point", ["x", "y"])
STRUCTURES: list[Any] = [
    1, None, [], {}, [1, [2, (3, None)]], {"b": [1, (2, None)], "a": Point(3, 4)}, OrderedDict(z=1, a=[2, 3]),
    (deque([1, 2]), "text"), {2: 1, 1: {"x": (0,)}},
]  # fmt: skip
OURS, REAL = tkeras.tree, keras.tree


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_structures(structure: Any) -> None:
    flat = REAL.flatten(structure)
    assert OURS.flatten(structure) == flat
    assert OURS.flatten_with_path(structure) == REAL.flatten_with_path(structure)
    assert OURS.is_nested(structure) == REAL.is_nested(structure)
    assert OURS.lists_to_tuples(structure) == REAL.lists_to_tuples(structure)
    new = list(range(len(flat)))
    assert OURS.pack_sequence_as(structure, new) == REAL.pack_sequence_as(structure, new)
    for none_is_leaf in (True, False):
        found = [t.map_structure(lambda x: (x,), structure, none_is_leaf=none_is_leaf) for t in (OURS, REAL)]
        assert found[0] == found[1]
        assert type(found[0]) is type(found[1])


@pytest.mark.parametrize("top_down", [True, False])
@pytest.mark.parametrize("structure", STRUCTURES[:6], ids=repr)
def test_traversal(structure: Any, top_down: bool) -> None:
    results = []
    for tree in (OURS, REAL):
        seen: list[Any] = []

        def visit(node: Any, seen: list[Any] = seen, tree: Any = tree) -> Any:
            seen.append(node)
            return (
                tree.MAP_TO_NONE
                if node == 2
                else tuple(node)
                if isinstance(node, list) and len(node) == 2
                else None
            )

        results.append((tree.traverse(visit, structure, top_down), seen))
    assert results[0] == results[1]


PAIRS: list[tuple[Any, Any]] = [
    ([1], (1,)), ({"a": 1}, {"b": 1}), ([1, 2], [1]), ([1], 1), (Point(1, 2), (1, 2)), ({"a": [1]}, {"a": [2]}),
    ([1, (2, 3)], [0, (0, 0)]), (OrderedDict(a=1), {"a": 2}), (deque([1]), [1]),
]  # fmt: skip


@pytest.mark.parametrize("check", ["assert_same_structure", "assert_same_paths"])
@pytest.mark.parametrize(("a", "b"), PAIRS, ids=repr)
def test_comparisons_accept_and_refuse_the_same(a: Any, b: Any, check: str) -> None:
    refused = []
    for tree in (OURS, REAL):
        try:
            getattr(tree, check)(a, b)
            refused.append(False)
        except ValueError:
            refused.append(True)
    assert refused[0] == refused[1]


@pytest.mark.parametrize(
    ("shallow", "structure"),
    [
        ([0, 0], [1, [2, 3]]),
        ([0, [0]], [1, [[2, 3]]]),
        ({"a": 0}, {"a": {"b": 1}}),
        (0, [1, 2]),
        ([0, [0]], [1, [2, 3]]),
    ],
)
def test_maps_up_to_a_depth(shallow: Any, structure: Any) -> None:
    results = []
    for tree in (OURS, REAL):
        try:
            results.append(tree.map_structure_up_to(shallow, repr, structure))
        except ValueError:
            results.append("refused")
    assert results[0] == results[1]


def test_maps_of_several_structures_and_of_shapes() -> None:
    pair = ([1, {"x": 2}], [3, {"x": [4, 5]}])
    shapes = {"a": (1, 2), "b": [(3,), (None, 4)]}
    for tree in (OURS, REAL):
        assert tree.map_structure(lambda a, b: (a, b), *pair) == [(1, 3), {"x": (2, [4, 5])}]
        assert tree.map_shape_structure(lambda s: (*s, 9), shapes) == {
            "a": (1, 2, 9),
            "b": [(3, 9), (None, 4, 9)],
        }
        for wrong in (
            lambda tree=tree: tree.map_structure(len),
            lambda tree=tree: tree.pack_sequence_as([1, 2], [1]),
        ):
            with pytest.raises(ValueError):
                wrong()


@pytest.mark.parametrize("identifier", ["float32", "mixed_bfloat16", "bfloat16", None, 3, "x"])
def test_policies(identifier: Any) -> None:
    results = []
    for library in (tkeras, keras):
        try:
            policy = library.dtype_policies.get(identifier)
        except ValueError:
            results.append(("refused",))
            continue
        config = library.dtype_policies.serialize(policy)
        again = library.dtype_policies.deserialize(config)
        results.append((policy.name, policy.compute_dtype, policy.variable_dtype, config, again == policy))
    assert results[0] == results[1]
