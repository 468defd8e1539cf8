"""Sequences: padding, windows, pairs of words."""

from tkeras.preprocessing._series import TimeseriesGenerator as TimeseriesGenerator
from tkeras.preprocessing._skipgrams import make_sampling_table as make_sampling_table
from tkeras.preprocessing._skipgrams import skipgrams as skipgrams
from tkeras.utils._sequences import pad_sequences as pad_sequences
