"""Training: the multi-task model, and the one place that differentiates."""

from .adversarial_features import AdversarialFeatures as AdversarialFeatures
from .build_model import build_model as build_model
from .gradual_unfreezing import GradualUnfreezing as GradualUnfreezing
from .layerwise_optimizer import LayerwiseOptimizer as LayerwiseOptimizer
from .layerwise_optimizer import layer_decay as layer_decay
from .layerwise_optimizer import layerwise_optimizer as layerwise_optimizer
from .model import MultiTaskModel as MultiTaskModel
from .surgery import add_head as add_head
from .surgery import merge_heads as merge_heads
from .surgery import remove_head as remove_head
from .surgery import train_only as train_only
from .task_gradients import TaskGradients as TaskGradients
from .task_gradients import task_gradients as task_gradients
from .trunk_averaging import TrunkAveraging as TrunkAveraging
from .warm_start import WarmStart as WarmStart
from .warm_start import warm_start as warm_start
