"""Layers that turn features into numbers that a network can use."""

from tkeras.layers.preprocessing._category_encoding import CategoryEncoding as CategoryEncoding
from tkeras.layers.preprocessing._discretization import Discretization as Discretization
from tkeras.layers.preprocessing._hashing import HashedCrossing as HashedCrossing
from tkeras.layers.preprocessing._hashing import Hashing as Hashing
from tkeras.layers.preprocessing._lookups import IntegerLookup as IntegerLookup
from tkeras.layers.preprocessing._lookups import StringLookup as StringLookup
from tkeras.layers.preprocessing._normalization import Normalization as Normalization
from tkeras.layers.preprocessing._rescaling import Rescaling as Rescaling
from tkeras.layers.preprocessing._spectrogram import MelSpectrogram as MelSpectrogram
from tkeras.layers.preprocessing._spectrogram import STFTSpectrogram as STFTSpectrogram
from tkeras.layers.preprocessing._text_vectorization import TextVectorization as TextVectorization
