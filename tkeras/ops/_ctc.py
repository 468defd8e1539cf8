"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tkeras.ops._convert import convert, result_type
from tkeras.ops._op import op

Tensor = torch.Tensor


def _float(x: Any) -> Tensor:
    x = convert(x)
    return x.to(result_type(x.dtype, torch.float32))


@op()
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Tensor:
    """Minus the log-probability (batch,) of label sequences over all alignments.

    Args:
        target: class numbers (batch, labels).
        output: logits (batch, time, classes).
        target_length, output_length: how much of each counts (batch,).
        mask_index: the class that means "no label".
    """
    log_p = torch.log_softmax(_float(output).transpose(0, 1), -1)
    if log_p.is_meta:
        return log_p.new_empty(log_p.shape[1])
    target, target_length, output_length = (
        convert(value, torch.int64, log_p) for value in (target, target_length, output_length)
    )
    return F.ctc_loss(log_p, target, output_length, target_length, mask_index, reduction="none")


@op()
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The most probable label sequences.

    Args:
        inputs: logits (batch, time, classes).
        sequence_lengths: how many steps count (batch,).
        strategy: "greedy" takes the best class of each step, "beam_search" adds up alignments of a sequence.
        beam_width: how many sequences the search keeps.
        top_paths: how many it returns.
        merge_repeated: whether the greedy strategy drops repetitions of a class.
        mask_index: the class that means "no label".

    Returns:
        Class numbers (paths, batch, time) as int32, -1 after the end, and scores (batch, paths): minus the
        sum of the logits with "greedy", log-probabilities with "beam_search".
    """
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(
            f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'. "
            f"Received: strategy={strategy}"
        )
    logits = _float(inputs)
    lengths = convert(sequence_lengths, torch.int64, logits).to(logits.device)
    if logits.is_meta:
        paths = 1 if strategy == "greedy" else top_paths
        batch, steps, _ = logits.shape
        return logits.new_empty((paths, batch, steps), dtype=torch.int32), logits.new_empty((batch, paths))
    if strategy == "greedy":
        return _greedy(logits, lengths, merge_repeated, mask_index)
    return _beam_search(logits, lengths, beam_width, top_paths, mask_index)


def _greedy(logits: Tensor, lengths: Tensor, merge_repeated: bool, blank: int) -> tuple[Tensor, Tensor]:
    steps = logits.shape[1]
    best, classes = logits.max(-1)
    time = torch.arange(steps, device=logits.device)
    counts = time < lengths.unsqueeze(1)
    classes = torch.where(counts, classes, blank)
    kept = classes != blank
    if merge_repeated:
        kept = kept & F.pad(classes[:, 1:] != classes[:, :-1], (1, 0), value=True)
    order = torch.argsort(torch.where(kept, time, steps), dim=-1, stable=True)
    labels = torch.take_along_dim(torch.where(kept, classes, -1), order, -1)
    scores = -torch.where(counts, best, 0.0).sum(1, keepdim=True)
    return labels.to(torch.int32).unsqueeze(0), scores


def _beam_search(
    logits: Tensor, lengths: Tensor, width: int, paths: int, blank: int
) -> tuple[Tensor, Tensor]:
    log_p = torch.log_softmax(logits.detach(), -1).double().cpu().numpy()
    batch, steps, _ = log_p.shape
    labels = np.full((paths, batch, steps), -1, np.int32)
    scores = np.full((batch, paths), -np.inf)
    for b, length in enumerate(lengths.tolist()):
        found = _Beam(log_p[b, : max(1, length)], width, blank).search()
        for place, (sequence, score) in enumerate(found[:paths]):
            labels[place, b, : len(sequence)] = sequence
            scores[b, place] = score
    device = logits.device
    return torch.as_tensor(labels, device=device), torch.as_tensor(scores, dtype=logits.dtype, device=device)


class _Beam:
    """Prefix beam search over one sample: sequences form a tree, in which each has one number.

    Args:
        log_p: (time, classes).
        width: how many sequences survive a step.
        blank: the class that means "no label".
    """

    def __init__(self, log_p: np.ndarray, width: int, blank: int):
        self.log_p, self.width, self.blank = log_p, width, blank
        self.parents, self.labels = [-1], [blank]
        self.children: dict[tuple[int, int], int] = {}

    def search(self) -> list[tuple[list[int], float]]:
        """Sequences with log-probabilities, the best first."""
        nodes, ends_blank, ends_label = np.zeros(1, int), np.zeros(1), np.full(1, -np.inf)
        for step in self.log_p:
            nodes, ends_blank, ends_label = self._advance(step, nodes, ends_blank, ends_label)
        total = np.logaddexp(ends_blank, ends_label)
        return [(self._sequence(nodes[i]), float(total[i])) for i in np.argsort(-total, kind="stable")]

    def _advance(
        self, step: np.ndarray, nodes: np.ndarray, ends_blank: np.ndarray, ends_label: np.ndarray
    ) -> Any:
        last = np.array([self.labels[node] for node in nodes])
        total = np.logaddexp(ends_blank, ends_label)
        stays_blank = total + step[self.blank]
        stays_label = np.where(nodes > 0, ends_label + step[last], -np.inf)
        grown = total[:, None] + step
        beam = np.arange(len(nodes))
        grown[beam, last] = ends_blank + step[last]
        grown[:, self.blank] = -np.inf
        place = {node: i for i, node in enumerate(nodes.tolist())}
        for i, node in enumerate(nodes.tolist()):
            source = place.get(self.parents[node])
            if source is not None:
                stays_label[i] = np.logaddexp(stays_label[i], grown[source, last[i]])
                grown[source, last[i]] = -np.inf
        candidates = np.concatenate([np.logaddexp(stays_blank, stays_label), grown.ravel()])
        best = np.argsort(-candidates, kind="stable")[: self.width]
        best = best[candidates[best] > -np.inf]
        old, new = best[best < len(nodes)], best[best >= len(nodes)] - len(nodes)
        sources, classes = np.divmod(new, len(step))
        grown_nodes = [
            self._child(nodes[s], c) for s, c in zip(sources.tolist(), classes.tolist(), strict=True)
        ]
        return (
            np.concatenate([nodes[old], np.array(grown_nodes, int)]),
            np.concatenate([stays_blank[old], np.full(len(new), -np.inf)]),
            np.concatenate([stays_label[old], grown.ravel()[new]]),
        )

    def _child(self, node: Any, label: int) -> int:
        key = int(node), label
        if key not in self.children:
            self.children[key] = len(self.labels)
            self.parents.append(key[0])
            self.labels.append(label)
        return self.children[key]

    def _sequence(self, node: Any) -> list[int]:
        found: list[int] = []
        while node > 0:
            found.append(self.labels[node])
            node = self.parents[node]
        return found[::-1]
