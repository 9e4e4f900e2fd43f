"""Metrics: only what Keras lacks, and what the package must know about Keras' own."""

from .angular_error import AngularError as AngularError
from .box_iou import BoxIoU as BoxIoU
from .key_point_distance import KeyPointDistance as KeyPointDistance
from .kinds import counts_elements as counts_elements
