"""Training: the multi-task model, and the one place that differentiates."""

from .build_model import build_model as build_model
from .model import MultiTaskModel as MultiTaskModel
