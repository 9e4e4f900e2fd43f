"""Training: the multi-task model, and the one place that differentiates."""

from .build_model import build_model as build_model
from .model import MultiTaskModel as MultiTaskModel
from .task_gradients import TaskGradients as TaskGradients
from .task_gradients import task_gradients as task_gradients
from .trunk_averaging import TrunkAveraging as TrunkAveraging
