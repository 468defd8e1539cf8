"""Recurrent layers and wrappers over time."""

from tkeras.layers.recurrent._lstm import LSTM as LSTM
from tkeras.layers.recurrent._time_distributed import TimeDistributed as TimeDistributed
from tkeras.layers.recurrent._time_distributed import Wrapper as Wrapper
