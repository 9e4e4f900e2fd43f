"""Losses: only what Keras lacks, and what the package must know about Keras' own."""

from .kinds import averages_last_axis as averages_last_axis
from .kinds import function_name as function_name
from .kinds import has_class_labels as has_class_labels
from .standardized import Standardized as Standardized
