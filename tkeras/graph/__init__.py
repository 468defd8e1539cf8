"""Symbolic tensors, variables, and the graph of calls that models are made from."""

from tkeras.graph._function import Function as Function
from tkeras.graph._inference import MetaMode as MetaMode
from tkeras.graph._inference import infer as infer
from tkeras.graph._keras_tensor import OPERATORS as OPERATORS
from tkeras.graph._keras_tensor import KerasHistory as KerasHistory
from tkeras.graph._keras_tensor import KerasTensor as KerasTensor
from tkeras.graph._keras_tensor import is_keras_tensor as is_keras_tensor
from tkeras.graph._naming import auto_name as auto_name
from tkeras.graph._naming import get_uid as get_uid
from tkeras.graph._naming import name_scope as name_scope
from tkeras.graph._naming import reset_uids as reset_uids
from tkeras.graph._naming import to_snake_case as to_snake_case
from tkeras.graph._node import Node as Node
from tkeras.graph._node import record_call as record_call
from tkeras.graph._operation import FunctionOperation as FunctionOperation
from tkeras.graph._operation import NodeBookkeeping as NodeBookkeeping
from tkeras.graph._operation import Operation as Operation
from tkeras.graph._operation import any_symbolic as any_symbolic
from tkeras.graph._plan import Plan as Plan
from tkeras.graph._remat import remat as remat
from tkeras.graph._stateless import StatelessScope as StatelessScope
from tkeras.graph._variable import Variable as Variable
from tkeras.graph._version import Version as Version
