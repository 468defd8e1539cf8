"""Activation functions with parameters, as layers."""

from tkeras.layers.activation._pointwise import ELU as ELU
from tkeras.layers.activation._pointwise import LeakyReLU as LeakyReLU
from tkeras.layers.activation._pointwise import ReLU as ReLU
from tkeras.layers.activation._pointwise import ThresholdedReLU as ThresholdedReLU
from tkeras.layers.activation._prelu import PReLU as PReLU
from tkeras.layers.activation._softmax import Softmax as Softmax
