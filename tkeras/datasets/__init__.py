"""Small public data sets, downloaded at first use and kept below ``$KERAS_HOME``."""

from tkeras.datasets import boston_housing as boston_housing
from tkeras.datasets import california_housing as california_housing
from tkeras.datasets import cifar10 as cifar10
from tkeras.datasets import cifar100 as cifar100
from tkeras.datasets import fashion_mnist as fashion_mnist
from tkeras.datasets import imdb as imdb
from tkeras.datasets import mnist as mnist
from tkeras.datasets import reuters as reuters
