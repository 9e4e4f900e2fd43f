"""Losses: only what Keras lacks, and what the package must know about Keras' own."""

from .bounding_box_loss import BoundingBoxLoss as BoundingBoxLoss
from .box_overlap import box_overlap as box_overlap
from .cosine_distance import CosineDistance as CosineDistance
from .key_point_loss import KeyPointLoss as KeyPointLoss
from .kinds import averages_last_axis as averages_last_axis
from .kinds import function_name as function_name
from .kinds import has_class_labels as has_class_labels
from .standardized import Standardized as Standardized
