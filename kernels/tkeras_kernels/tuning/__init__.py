"""Measuring kernels against torch's library and against themselves, when somebody asks for it."""

from ._ceilings import Ceilings as Ceilings
from ._ceilings import clock_sample as clock_sample
from ._ceilings import measure_ceilings as measure_ceilings
from ._ceilings import seconds as seconds
from ._timer import eager_sample as eager_sample
from ._timer import graph_sample as graph_sample
from ._timer import graph_seconds as graph_seconds
from ._tuner import Timer as Timer
from ._tuner import Trial as Trial
from ._tuner import add_to_table as add_to_table
from ._tuner import tune_call as tune_call
from ._tuner import tune_case as tune_case
