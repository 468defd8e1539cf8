"""The operators under torch's autograd."""

from ._call import call as call
