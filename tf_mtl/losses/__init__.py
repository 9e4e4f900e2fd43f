"""Losses: only what Keras lacks, and what the package must know about Keras' own."""

from .batch_hard_triplet import BatchHardTriplet as BatchHardTriplet
from .bounding_box_loss import BoundingBoxLoss as BoundingBoxLoss
from .box_overlap import box_overlap as box_overlap
from .cosine_distance import CosineDistance as CosineDistance
from .discrete_hazard import DiscreteHazard as DiscreteHazard
from .discrete_hazard import checked_edges as checked_edges
from .discrete_hazard import survival_curve as survival_curve
from .discrete_hazard import survived_bins as survived_bins
from .key_point_loss import KeyPointLoss as KeyPointLoss
from .key_point_loss import points_with_visibility as points_with_visibility
from .kinds import averages_last_axis as averages_last_axis
from .kinds import compares_groups as compares_groups
from .kinds import element_losses as element_losses
from .kinds import function_name as function_name
from .kinds import has_class_labels as has_class_labels
from .kinds import has_class_numbers as has_class_numbers
from .kinds import unreduced as unreduced
from .negative_binomial import NegativeBinomial as NegativeBinomial
from .pinball import Pinball as Pinball
from .poisson import Poisson as Poisson
from .standardized import Standardized as Standardized
from .supervised_contrastive import SupervisedContrastive as SupervisedContrastive
from .unit_vectors import unit_vectors as unit_vectors
