"""Optimizers."""

from typing import Any

from tkeras.optimizers import schedules as schedules
from tkeras.optimizers._adafactor import Adafactor as Adafactor
from tkeras.optimizers._adagrad import Adadelta as Adadelta
from tkeras.optimizers._adagrad import Adagrad as Adagrad
from tkeras.optimizers._adagrad import Ftrl as Ftrl
from tkeras.optimizers._adam import Adam as Adam
from tkeras.optimizers._adam import Adamax as Adamax
from tkeras.optimizers._adam import AdamW as AdamW
from tkeras.optimizers._adam import Lamb as Lamb
from tkeras.optimizers._adam import Nadam as Nadam
from tkeras.optimizers._lion import Lion as Lion
from tkeras.optimizers._loss_scale import LossScaleOptimizer as LossScaleOptimizer
from tkeras.optimizers._multi import MultiOptimizer as MultiOptimizer
from tkeras.optimizers._multi import OptimizerMap as OptimizerMap
from tkeras.optimizers._muon import Muon as Muon
from tkeras.optimizers._optimizer import OPTIMIZERS
from tkeras.optimizers._optimizer import Optimizer as Optimizer
from tkeras.optimizers._rmsprop import RMSprop as RMSprop
from tkeras.optimizers._schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from tkeras.optimizers._sgd import SGD as SGD

get = OPTIMIZERS.get
deserialize = OPTIMIZERS.deserialize


def serialize(optimizer: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return OPTIMIZERS.serialize(optimizer)
