"""Heads: features → one named output, with the loss, metrics and label rule that suit it."""

from .base import BaseHead as BaseHead
from .binary_classification import BinaryClassification as BinaryClassification
from .bounding_box import BoundingBox as BoundingBox
from .classification import Classification as Classification
from .dense_regression import DenseRegression as DenseRegression
from .head import Head as Head
from .head import rule_for_loss as rule_for_loss
from .key_points import KeyPoints as KeyPoints
from .labels import BinaryLabels as BinaryLabels
from .labels import ClassLabels as ClassLabels
from .labels import FloatLabels as FloatLabels
from .labels import LabelRule as LabelRule
from .multi_label import MultiLabel as MultiLabel
from .regression import Regression as Regression
from .segmentation import Segmentation as Segmentation
from .token_tagging import TokenTagging as TokenTagging
