"""Metrics."""

from typing import Any

from tkeras.losses import binary_crossentropy as binary_crossentropy
from tkeras.losses import binary_focal_crossentropy as binary_focal_crossentropy
from tkeras.losses import categorical_crossentropy as categorical_crossentropy
from tkeras.losses import categorical_focal_crossentropy as categorical_focal_crossentropy
from tkeras.losses import categorical_hinge as categorical_hinge
from tkeras.losses import hinge as hinge
from tkeras.losses import huber as huber
from tkeras.losses import kl_divergence as kl_divergence
from tkeras.losses import log_cosh as log_cosh
from tkeras.losses import mean_absolute_error as mean_absolute_error
from tkeras.losses import mean_absolute_percentage_error as mean_absolute_percentage_error
from tkeras.losses import mean_squared_error as mean_squared_error
from tkeras.losses import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from tkeras.losses import poisson as poisson
from tkeras.losses import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from tkeras.losses import squared_hinge as squared_hinge
from tkeras.metrics._accuracy import Accuracy as Accuracy
from tkeras.metrics._accuracy import BinaryAccuracy as BinaryAccuracy
from tkeras.metrics._accuracy import CategoricalAccuracy as CategoricalAccuracy
from tkeras.metrics._accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from tkeras.metrics._accuracy import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from tkeras.metrics._accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from tkeras.metrics._accuracy import accuracy as accuracy
from tkeras.metrics._accuracy import binary_accuracy as binary_accuracy
from tkeras.metrics._accuracy import categorical_accuracy as categorical_accuracy
from tkeras.metrics._accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from tkeras.metrics._accuracy import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from tkeras.metrics._accuracy import top_k_categorical_accuracy as top_k_categorical_accuracy
from tkeras.metrics._auc import AUC as AUC
from tkeras.metrics._confusion import FalseNegatives as FalseNegatives
from tkeras.metrics._confusion import FalsePositives as FalsePositives
from tkeras.metrics._confusion import Precision as Precision
from tkeras.metrics._confusion import PrecisionAtRecall as PrecisionAtRecall
from tkeras.metrics._confusion import Recall as Recall
from tkeras.metrics._confusion import RecallAtPrecision as RecallAtPrecision
from tkeras.metrics._confusion import SensitivityAtSpecificity as SensitivityAtSpecificity
from tkeras.metrics._confusion import SpecificityAtSensitivity as SpecificityAtSensitivity
from tkeras.metrics._confusion import TrueNegatives as TrueNegatives
from tkeras.metrics._confusion import TruePositives as TruePositives
from tkeras.metrics._f_score import F1Score as F1Score
from tkeras.metrics._f_score import FBetaScore as FBetaScore
from tkeras.metrics._iou import BinaryIoU as BinaryIoU
from tkeras.metrics._iou import IoU as IoU
from tkeras.metrics._iou import MeanIoU as MeanIoU
from tkeras.metrics._iou import OneHotIoU as OneHotIoU
from tkeras.metrics._iou import OneHotMeanIoU as OneHotMeanIoU
from tkeras.metrics._metric import METRICS
from tkeras.metrics._metric import Metric as Metric
from tkeras.metrics._of_losses import BinaryCrossentropy as BinaryCrossentropy
from tkeras.metrics._of_losses import CategoricalCrossentropy as CategoricalCrossentropy
from tkeras.metrics._of_losses import CategoricalHinge as CategoricalHinge
from tkeras.metrics._of_losses import Hinge as Hinge
from tkeras.metrics._of_losses import KLDivergence as KLDivergence
from tkeras.metrics._of_losses import LogCoshError as LogCoshError
from tkeras.metrics._of_losses import MeanAbsoluteError as MeanAbsoluteError
from tkeras.metrics._of_losses import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from tkeras.metrics._of_losses import MeanSquaredError as MeanSquaredError
from tkeras.metrics._of_losses import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from tkeras.metrics._of_losses import Poisson as Poisson
from tkeras.metrics._of_losses import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from tkeras.metrics._of_losses import SquaredHinge as SquaredHinge
from tkeras.metrics._reduction import Mean as Mean
from tkeras.metrics._reduction import MeanMetricWrapper as MeanMetricWrapper
from tkeras.metrics._reduction import Sum as Sum
from tkeras.metrics._regression import ConcordanceCorrelation as ConcordanceCorrelation
from tkeras.metrics._regression import CosineSimilarity as CosineSimilarity
from tkeras.metrics._regression import PearsonCorrelation as PearsonCorrelation
from tkeras.metrics._regression import R2Score as R2Score
from tkeras.metrics._regression import RootMeanSquaredError as RootMeanSquaredError
from tkeras.metrics._regression import concordance_correlation as concordance_correlation
from tkeras.metrics._regression import pearson_correlation as pearson_correlation

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh

get = METRICS.get
deserialize = METRICS.deserialize


def serialize(metric: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return METRICS.serialize(metric)
