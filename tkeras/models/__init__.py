"""Models: functional, sequential and subclassed."""

from tkeras.models._model import Functional as Functional
from tkeras.models._model import Model as Model
from tkeras.models._sequential import Sequential as Sequential
