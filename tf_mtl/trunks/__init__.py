"""Trunks: inputs → features, shared by all tasks or one tensor for each task."""

from .backbone import backbone as backbone
from .blocks import cut as cut
from .body import Body as Body
from .cgc import CGC as CGC
from .cnn import CNN as CNN
from .cross_stitch import CrossStitch as CrossStitch
from .dselect_k import DSelectK as DSelectK
from .hard_sharing import HardSharing as HardSharing
from .mlp import MLP as MLP
from .mmoe import MMoE as MMoE
from .mtan import MTAN as MTAN
from .nddr import NDDR as NDDR
from .omoe import OMoE as OMoE
from .ple import PLE as PLE
from .sluice import Sluice as Sluice
from .sluice import SubspaceOrthogonality as SubspaceOrthogonality
from .snr import SNR as SNR
from .soft_sharing import SoftSharing as SoftSharing
from .text_encoder import TextEncoder as TextEncoder
from .trunk import Trunk as Trunk
from .unet import UNet as UNet
