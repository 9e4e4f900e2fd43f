"""Trunks: inputs → features, shared by all tasks or one tensor for each task."""

from .backbone import backbone as backbone
from .body import Body as Body
from .cnn import CNN as CNN
from .hard_sharing import HardSharing as HardSharing
from .mlp import MLP as MLP
from .trunk import Trunk as Trunk
from .unet import UNet as UNet
