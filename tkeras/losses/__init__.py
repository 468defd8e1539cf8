"""Losses."""

from collections.abc import Mapping
from typing import Any

from tkeras.losses._crossentropy import BinaryCrossentropy as BinaryCrossentropy
from tkeras.losses._crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from tkeras.losses._crossentropy import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from tkeras.losses._crossentropy import binary_crossentropy as binary_crossentropy
from tkeras.losses._crossentropy import categorical_crossentropy as categorical_crossentropy
from tkeras.losses._crossentropy import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from tkeras.losses._ctc import CTC as CTC
from tkeras.losses._ctc import ctc as ctc
from tkeras.losses._focal import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from tkeras.losses._focal import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from tkeras.losses._focal import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from tkeras.losses._focal import KLDivergence as KLDivergence
from tkeras.losses._focal import binary_focal_crossentropy as binary_focal_crossentropy
from tkeras.losses._focal import categorical_focal_crossentropy as categorical_focal_crossentropy
from tkeras.losses._focal import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from tkeras.losses._focal import kl_divergence as kl_divergence
from tkeras.losses._hinge import CategoricalHinge as CategoricalHinge
from tkeras.losses._hinge import Hinge as Hinge
from tkeras.losses._hinge import SquaredHinge as SquaredHinge
from tkeras.losses._hinge import categorical_hinge as categorical_hinge
from tkeras.losses._hinge import hinge as hinge
from tkeras.losses._hinge import squared_hinge as squared_hinge
from tkeras.losses._loss import LOSSES
from tkeras.losses._loss import Loss as Loss
from tkeras.losses._loss import LossFunctionWrapper as LossFunctionWrapper
from tkeras.losses._loss import reduce_weighted as reduce_weighted
from tkeras.losses._loss import standardize_reduction as standardize_reduction
from tkeras.losses._overlap import Dice as Dice
from tkeras.losses._overlap import Tversky as Tversky
from tkeras.losses._overlap import dice as dice
from tkeras.losses._overlap import tversky as tversky
from tkeras.losses._regression import CosineSimilarity as CosineSimilarity
from tkeras.losses._regression import Huber as Huber
from tkeras.losses._regression import LogCosh as LogCosh
from tkeras.losses._regression import MeanAbsoluteError as MeanAbsoluteError
from tkeras.losses._regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from tkeras.losses._regression import MeanSquaredError as MeanSquaredError
from tkeras.losses._regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from tkeras.losses._regression import Poisson as Poisson
from tkeras.losses._regression import cosine_similarity as cosine_similarity
from tkeras.losses._regression import huber as huber
from tkeras.losses._regression import log_cosh as log_cosh
from tkeras.losses._regression import mean_absolute_error as mean_absolute_error
from tkeras.losses._regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from tkeras.losses._regression import mean_squared_error as mean_squared_error
from tkeras.losses._regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from tkeras.losses._regression import poisson as poisson
from tkeras.losses._similarity import Circle as Circle
from tkeras.losses._similarity import circle as circle

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
cosine_proximity = cosine_similarity
CosineProximity = CosineSimilarity

get = LOSSES.get


def serialize(loss: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return LOSSES.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A loss from its name or configuration."""
    return LOSSES.deserialize(name, custom_objects)
