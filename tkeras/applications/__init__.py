"""Image models of ImageNet, with the layer names that Keras' published weights have."""

from tkeras.applications import densenet as densenet
from tkeras.applications import imagenet_utils as imagenet_utils
from tkeras.applications import inception_v3 as inception_v3
from tkeras.applications import mobilenet as mobilenet
from tkeras.applications import mobilenet_v2 as mobilenet_v2
from tkeras.applications import resnet as resnet
from tkeras.applications import resnet50 as resnet50
from tkeras.applications import resnet_v2 as resnet_v2
from tkeras.applications import vgg16 as vgg16
from tkeras.applications import vgg19 as vgg19
from tkeras.applications import xception as xception
from tkeras.applications._densenet import DenseNet121 as DenseNet121
from tkeras.applications._densenet import DenseNet169 as DenseNet169
from tkeras.applications._densenet import DenseNet201 as DenseNet201
from tkeras.applications._inception_v3 import InceptionV3 as InceptionV3
from tkeras.applications._mobilenet import MobileNet as MobileNet
from tkeras.applications._mobilenet import MobileNetV2 as MobileNetV2
from tkeras.applications._resnet import ResNet50 as ResNet50
from tkeras.applications._resnet import ResNet50V2 as ResNet50V2
from tkeras.applications._resnet import ResNet101 as ResNet101
from tkeras.applications._resnet import ResNet101V2 as ResNet101V2
from tkeras.applications._resnet import ResNet152 as ResNet152
from tkeras.applications._resnet import ResNet152V2 as ResNet152V2
from tkeras.applications._vgg import VGG16 as VGG16
from tkeras.applications._vgg import VGG19 as VGG19
from tkeras.applications._xception import Xception as Xception
