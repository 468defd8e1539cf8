"""Recurrent layers and wrappers over time."""

from tkeras.layers.recurrent._bidirectional import Bidirectional as Bidirectional
from tkeras.layers.recurrent._conv_lstm import ConvLSTM1D as ConvLSTM1D
from tkeras.layers.recurrent._conv_lstm import ConvLSTM2D as ConvLSTM2D
from tkeras.layers.recurrent._conv_lstm import ConvLSTM3D as ConvLSTM3D
from tkeras.layers.recurrent._gru import GRU as GRU
from tkeras.layers.recurrent._gru import GRUCell as GRUCell
from tkeras.layers.recurrent._lstm import LSTM as LSTM
from tkeras.layers.recurrent._lstm import LSTMCell as LSTMCell
from tkeras.layers.recurrent._rnn import RNN as RNN
from tkeras.layers.recurrent._simple_rnn import SimpleRNN as SimpleRNN
from tkeras.layers.recurrent._simple_rnn import SimpleRNNCell as SimpleRNNCell
from tkeras.layers.recurrent._stacked import StackedRNNCells as StackedRNNCells
from tkeras.layers.recurrent._time_distributed import TimeDistributed as TimeDistributed
from tkeras.layers.recurrent._wrapper import Wrapper as Wrapper
