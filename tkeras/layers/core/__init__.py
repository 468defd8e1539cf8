"""Core layers."""

from tkeras.layers.core._dense import Dense as Dense
from tkeras.layers.core._einsum_dense import EinsumDense as EinsumDense
from tkeras.layers.core._embedding import Embedding as Embedding
from tkeras.layers.core._input_layer import Input as Input
from tkeras.layers.core._input_layer import InputLayer as InputLayer
from tkeras.layers.core._reversible_embedding import ReversibleEmbedding as ReversibleEmbedding
from tkeras.layers.core._simple import Activation as Activation
from tkeras.layers.core._simple import ActivityRegularization as ActivityRegularization
from tkeras.layers.core._simple import Identity as Identity
from tkeras.layers.core._simple import Lambda as Lambda
from tkeras.layers.core._simple import Masking as Masking
from tkeras.layers.core._torch_module import TorchModuleWrapper as TorchModuleWrapper
