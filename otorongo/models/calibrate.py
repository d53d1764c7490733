"""Scores into probabilities and evidence: plain numbers in, plain numbers out."""

import functools
import math

EVIDENCE_LIMIT = 8.0
"""The wire carries evidence capped at this, so that no single sensor can convince anybody alone."""

_TINY = 1e-12


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    z = math.exp(x)
    return z / (1.0 + z)


def logit(p: float) -> float:
    """log(p / (1 - p)); p of 0 and 1 count as 1e-12 away from it."""
    p = min(max(p, _TINY), 1.0 - _TINY)
    return math.log(p) - math.log1p(-p)


def clip(x: float, limit: float = EVIDENCE_LIMIT) -> float:
    """Keep x within +-limit."""
    return min(max(x, -limit), limit)


def platt(score: float, slope: float, offset: float) -> float:
    """Calibrated logit of a network's logit (Platt 1999); `slope` above 0 keeps the order of scores."""
    return slope * score + offset


def evidence(p: float, prior: float) -> float:
    """Log-likelihood ratio in natural units: logit(p) - logit(prior of the calibration set), capped at +-8.

    By Bayes' rule logit(p) = logit(prior) + LLR, so that the hub can add the LLR to a prior of its own.
    """
    return clip(logit(p) - _logit_of_prior(prior))


@functools.lru_cache(256)
def _logit_of_prior(prior: float) -> float:
    """A class's prior is the same in every window."""
    return logit(prior)
