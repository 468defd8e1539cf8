"""Programs: a model, or a whole training step, as a list of operator calls that passes improve."""

from tkeras.compiler._differentiate import differentiate as differentiate
from tkeras.compiler._errors import TraceError as TraceError
from tkeras.compiler._explain import Explanation as Explanation
from tkeras.compiler._explain import explain as explain
from tkeras.compiler._explain import kernel_source as kernel_source
from tkeras.compiler._figures import Figures as Figures
from tkeras.compiler._lower import schedule as schedule
from tkeras.compiler._memory import Memory as Memory
from tkeras.compiler._memory import plan as plan
from tkeras.compiler._parse import parse as parse
from tkeras.compiler._program import Op as Op
from tkeras.compiler._program import Program as Program
from tkeras.compiler._program import ProgramError as ProgramError
from tkeras.compiler._program import Slot as Slot
from tkeras.compiler._program import Type as Type
from tkeras.compiler._program import Value as Value
from tkeras.compiler._schedule import Schedule as Schedule
from tkeras.compiler._step import CompileError as CompileError
from tkeras.compiler._trace import trace as trace
