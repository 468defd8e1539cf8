"""The operators under torch's autograd."""

from ._call import call as call
from ._call import mapped as mapped
from ._call import on_kernels as on_kernels
from ._call import reduced as reduced
from ._recording import Recorder as Recorder
from ._recording import recording as recording
