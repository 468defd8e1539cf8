"""Models as estimators of scikit-learn, which must be installed."""

from tkeras.wrappers._sklearn import SKLearnClassifier as SKLearnClassifier
from tkeras.wrappers._sklearn import SKLearnRegressor as SKLearnRegressor
from tkeras.wrappers._sklearn import SKLearnTransformer as SKLearnTransformer
