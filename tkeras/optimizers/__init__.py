"""Optimizers."""

from tkeras.optimizers import schedules as schedules
from tkeras.optimizers._adam import Adam as Adam
from tkeras.optimizers._adam import Adamax as Adamax
from tkeras.optimizers._adam import AdamW as AdamW
from tkeras.optimizers._adam import Lamb as Lamb
from tkeras.optimizers._adam import Nadam as Nadam
from tkeras.optimizers._optimizer import OPTIMIZERS
from tkeras.optimizers._optimizer import Optimizer as Optimizer
from tkeras.optimizers._rmsprop import RMSprop as RMSprop
from tkeras.optimizers._sgd import SGD as SGD

get = OPTIMIZERS.get
serialize = OPTIMIZERS.serialize
deserialize = OPTIMIZERS.deserialize
