"""The Keras API on torch, with layers that run on fused Triton kernels."""

from tkeras import _collector
from tkeras import activations as activations
from tkeras import applications as applications
from tkeras import backend as backend
from tkeras import bridge as bridge
from tkeras import callbacks as callbacks
from tkeras import compiler as compiler
from tkeras import config as config
from tkeras import constraints as constraints
from tkeras import datasets as datasets
from tkeras import distribution as distribution
from tkeras import dtype_policies as dtype_policies
from tkeras import initializers as initializers
from tkeras import layers as layers
from tkeras import losses as losses
from tkeras import metrics as metrics
from tkeras import mixed_precision as mixed_precision
from tkeras import models as models
from tkeras import ops as ops
from tkeras import optimizers as optimizers
from tkeras import preprocessing as preprocessing
from tkeras import quantizers as quantizers
from tkeras import random as random
from tkeras import regularizers as regularizers
from tkeras import saving as saving
from tkeras import training as training
from tkeras import tree as tree
from tkeras import utils as utils
from tkeras import visualization as visualization
from tkeras.compat import install_as_keras as install_as_keras
from tkeras.config import DTypePolicy as DTypePolicy
from tkeras.config import device as device
from tkeras.dtype_policies import FloatDTypePolicy as FloatDTypePolicy
from tkeras.graph import Function as Function
from tkeras.graph import KerasTensor as KerasTensor
from tkeras.graph import Operation as Operation
from tkeras.graph import StatelessScope as StatelessScope
from tkeras.graph import Variable as Variable
from tkeras.graph import name_scope as name_scope
from tkeras.graph import remat as remat
from tkeras.initializers import Initializer as Initializer
from tkeras.layers import Input as Input
from tkeras.layers import InputSpec as InputSpec
from tkeras.layers import Layer as Layer
from tkeras.losses import Loss as Loss
from tkeras.metrics import Metric as Metric
from tkeras.models import Functional as Functional
from tkeras.models import Model as Model
from tkeras.models import Sequential as Sequential
from tkeras.optimizers import Optimizer as Optimizer
from tkeras.quantizers import Quantizer as Quantizer
from tkeras.regularizers import Regularizer as Regularizer

__version__ = "0.1.0"


def version() -> str:
    """The version of tkeras."""
    return __version__


_collector.resume()
