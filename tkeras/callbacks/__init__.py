"""Hooks into training."""

from tkeras.callbacks._callback import Callback as Callback
from tkeras.callbacks._callback import CallbackList as CallbackList
from tkeras.callbacks._checkpoint import ModelCheckpoint as ModelCheckpoint
from tkeras.callbacks._early_stopping import EarlyStopping as EarlyStopping
from tkeras.callbacks._early_stopping import TerminateOnNaN as TerminateOnNaN
from tkeras.callbacks._history import History as History
from tkeras.callbacks._progbar import ProgbarLogger as ProgbarLogger
