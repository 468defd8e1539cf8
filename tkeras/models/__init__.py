"""Models: functional, sequential and subclassed."""

from tkeras.models._clone import clone_model as clone_model
from tkeras.models._model import Functional as Functional
from tkeras.models._model import Model as Model
from tkeras.models._sequential import Sequential as Sequential
from tkeras.saving._files import load_model as load_model
from tkeras.saving._files import model_from_json as model_from_json
from tkeras.saving._files import save_model as save_model
