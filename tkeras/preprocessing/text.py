"""Texts: words, and their numbers."""

from tkeras.preprocessing._tokenizer import Tokenizer as Tokenizer
from tkeras.preprocessing._tokenizer import hashing_trick as hashing_trick
from tkeras.preprocessing._tokenizer import one_hot as one_hot
from tkeras.preprocessing._tokenizer import text_to_word_sequence as text_to_word_sequence
from tkeras.preprocessing._tokenizer import tokenizer_from_json as tokenizer_from_json
