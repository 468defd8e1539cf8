"""Hooks into training."""

from tkeras.callbacks._backup import BackupAndRestore as BackupAndRestore
from tkeras.callbacks._callback import Callback as Callback
from tkeras.callbacks._callback_list import CallbackList as CallbackList
from tkeras.callbacks._checkpoint import ModelCheckpoint as ModelCheckpoint
from tkeras.callbacks._csv_logger import CSVLogger as CSVLogger
from tkeras.callbacks._early_stopping import EarlyStopping as EarlyStopping
from tkeras.callbacks._early_stopping import TerminateOnNaN as TerminateOnNaN
from tkeras.callbacks._history import History as History
from tkeras.callbacks._lambda import LambdaCallback as LambdaCallback
from tkeras.callbacks._learning_rate import LearningRateScheduler as LearningRateScheduler
from tkeras.callbacks._learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from tkeras.callbacks._progbar import ProgbarLogger as ProgbarLogger
from tkeras.callbacks._remote_monitor import RemoteMonitor as RemoteMonitor
from tkeras.callbacks._swap_ema import SwapEMAWeights as SwapEMAWeights
from tkeras.callbacks._tensorboard import TensorBoard as TensorBoard
