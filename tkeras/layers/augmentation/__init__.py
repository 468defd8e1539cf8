"""Layers that change images: preprocessing, and augmentation in training."""

from tkeras.layers.augmentation._colors import RandomBrightness as RandomBrightness
from tkeras.layers.augmentation._colors import RandomColorDegeneration as RandomColorDegeneration
from tkeras.layers.augmentation._colors import RandomContrast as RandomContrast
from tkeras.layers.augmentation._colors import RandomGaussianBlur as RandomGaussianBlur
from tkeras.layers.augmentation._colors import RandomGrayscale as RandomGrayscale
from tkeras.layers.augmentation._colors import RandomHue as RandomHue
from tkeras.layers.augmentation._colors import RandomInvert as RandomInvert
from tkeras.layers.augmentation._colors import RandomPosterization as RandomPosterization
from tkeras.layers.augmentation._colors import RandomSaturation as RandomSaturation
from tkeras.layers.augmentation._colors import RandomSharpness as RandomSharpness
from tkeras.layers.augmentation._colors import Solarization as Solarization
from tkeras.layers.augmentation._crops import CenterCrop as CenterCrop
from tkeras.layers.augmentation._crops import RandomCrop as RandomCrop
from tkeras.layers.augmentation._crops import Resizing as Resizing
from tkeras.layers.augmentation._geometry import RandomFlip as RandomFlip
from tkeras.layers.augmentation._geometry import RandomRotation as RandomRotation
from tkeras.layers.augmentation._geometry import RandomShear as RandomShear
from tkeras.layers.augmentation._geometry import RandomTranslation as RandomTranslation
from tkeras.layers.augmentation._geometry import RandomZoom as RandomZoom
from tkeras.layers.augmentation._histograms import AutoContrast as AutoContrast
from tkeras.layers.augmentation._histograms import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from tkeras.layers.augmentation._histograms import Equalization as Equalization
from tkeras.layers.augmentation._mixing import CutMix as CutMix
from tkeras.layers.augmentation._mixing import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from tkeras.layers.augmentation._mixing import MixUp as MixUp
from tkeras.layers.augmentation._mixing import RandomErasing as RandomErasing
from tkeras.layers.augmentation._policies import AugMix as AugMix
from tkeras.layers.augmentation._policies import Pipeline as Pipeline
from tkeras.layers.augmentation._policies import RandAugment as RandAugment
from tkeras.layers.augmentation._policies import RandomColorJitter as RandomColorJitter
from tkeras.layers.augmentation._warps import RandomElasticTransform as RandomElasticTransform
from tkeras.layers.augmentation._warps import RandomPerspective as RandomPerspective
