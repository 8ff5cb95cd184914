"""VGG-16 up to its last convolution, conv5_3.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015. Layers
and weights are torchvision's; the cut and what stays frozen follow Berton et al., CVPR 2022.
"""

from __future__ import annotations

from typing import Literal

from geoloc.backbones.plain import Plain


class VGG16(Plain):
    """VGG16 without its last ReLU, its last pooling and its classifier.

    Args:
        weights: "imagenet", "none" (random), "places" or "gldv2" (see `pretrained`), or the path of a state dict with
            torchvision's names.
        freeze: "early" trains only the last three convolutions (conv5), as the benchmark does; "none" trains all.
            "auto" is "none" for random weights, else "early".
        load: False if a checkpoint replaces the weights anyway; then nothing is read or downloaded.

    Attributes:
        out_channels: 512.
        stride: 16 pixels a cell of the map (30 x 40 cells at 480 x 640).
    """

    out_channels = 512

    def __init__(
        self, weights: str = "imagenet", freeze: Literal["auto", "early", "none"] = "auto", load: bool = True
    ) -> None:
        super().__init__("vgg16", 29, 24, weights, freeze, load)
