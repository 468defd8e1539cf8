"""Random tensors and seeds."""

from tkeras.random._random import beta as beta
from tkeras.random._random import binomial as binomial
from tkeras.random._random import categorical as categorical
from tkeras.random._random import dropout as dropout
from tkeras.random._random import gamma as gamma
from tkeras.random._random import normal as normal
from tkeras.random._random import randint as randint
from tkeras.random._random import shuffle as shuffle
from tkeras.random._random import truncated_normal as truncated_normal
from tkeras.random._random import uniform as uniform
from tkeras.random._seed import SeedGenerator as SeedGenerator
from tkeras.random._seed import draw_seed as draw_seed
from tkeras.random._seed import drawn as drawn
from tkeras.random._seed import generator as generator
from tkeras.random._seed import global_seed_generator as global_seed_generator
from tkeras.random._seed import make_default_seed as make_default_seed
from tkeras.random._seed import reset_global_seed_generator as reset_global_seed_generator
