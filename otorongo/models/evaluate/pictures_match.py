"""Which drawn box is which labelled one, and average precision by box. Pure.

Greedy, as in the PASCAL VOC challenge (Everingham et al. 2010): the surest drawn box first takes the free labelled box
that it overlaps most, if by IoU 0.5 at least; what takes none is false.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otorongo.models.boxes import overlaps
from otorongo.models.evaluate.pictures import Place

LEAST_IOU: Final = 0.5


def matched(
    drawn: Sequence[Place], scores: Sequence[float], labelled: Sequence[Place], least_iou: float = LEAST_IOU
) -> list[int]:
    """For each drawn box the number of the labelled one that is its own, -1 where none is; none is taken twice."""
    out = [-1] * len(drawn)
    if not labelled:
        return out
    there = np.array(labelled, np.float32).reshape(-1, 4)
    free = np.ones(len(there), bool)
    for at in sorted(range(len(drawn)), key=lambda number: -scores[number]):
        shared = np.where(free, overlaps(np.array(drawn[at], np.float32), there), -1.0)
        best = int(shared.argmax())
        if shared[best] >= least_iou:
            out[at], free[best] = best, False
    return out


def box_precision(scores: NDArray[np.floating], hits: NDArray[np.bool_], labelled: int) -> float:
    """Average precision of drawn boxes (n,): the mean, over all labelled ones, of the precision where each was found.

    Labelled boxes that were never found count as 0; boxes of equal score are one step. nan without a labelled box.
    """
    if not labelled:
        return float("nan")
    if not len(scores):
        return 0.0
    rank = np.unique(-np.asarray(scores, float), return_inverse=True)[1]
    found, every = np.bincount(rank, hits.astype(float)), np.bincount(rank)
    return float((found * np.cumsum(found) / np.cumsum(every)).sum() / labelled)
