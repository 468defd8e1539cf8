"""One device; what Keras scripts say of it. Several devices belong to torch.distributed."""

from tkeras.distribution._distribution import DataParallel as DataParallel
from tkeras.distribution._distribution import Distribution as Distribution
from tkeras.distribution._distribution import ModelParallel as ModelParallel
from tkeras.distribution._distribution import distribute_tensor as distribute_tensor
from tkeras.distribution._distribution import distribution as distribution
from tkeras.distribution._distribution import initialize as initialize
from tkeras.distribution._distribution import set_distribution as set_distribution
from tkeras.distribution._mesh import DeviceMesh as DeviceMesh
from tkeras.distribution._mesh import LayoutMap as LayoutMap
from tkeras.distribution._mesh import TensorLayout as TensorLayout
from tkeras.distribution._mesh import get_device_count as get_device_count
from tkeras.distribution._mesh import list_devices as list_devices
