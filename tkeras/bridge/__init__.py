"""The operators under torch's autograd."""

from ._call import call as call
from ._recording import Recorder as Recorder
from ._recording import recording as recording
