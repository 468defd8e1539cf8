"""Learning rates as functions of the step."""

from typing import Any

from tkeras.optimizers.schedules._schedules import SCHEDULES
from tkeras.optimizers.schedules._schedules import CosineDecay as CosineDecay
from tkeras.optimizers.schedules._schedules import CosineDecayRestarts as CosineDecayRestarts
from tkeras.optimizers.schedules._schedules import ExponentialDecay as ExponentialDecay
from tkeras.optimizers.schedules._schedules import InverseTimeDecay as InverseTimeDecay
from tkeras.optimizers.schedules._schedules import LearningRateSchedule as LearningRateSchedule
from tkeras.optimizers.schedules._schedules import NumericSchedule as NumericSchedule
from tkeras.optimizers.schedules._schedules import PiecewiseConstantDecay as PiecewiseConstantDecay
from tkeras.optimizers.schedules._schedules import PolynomialDecay as PolynomialDecay

deserialize = SCHEDULES.deserialize


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return SCHEDULES.serialize(learning_rate_schedule)
