"""AlexNet up to its fifth convolution.

Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012. Layers
and weights are torchvision's; the cut and what stays frozen follow Berton et al., CVPR 2022.
"""

from __future__ import annotations

from typing import Literal

from geoloc.backbones.plain import Plain


class AlexNet(Plain):
    """AlexNet without its last ReLU, its last pooling and its classifier.

    Args:
        weights: "imagenet", "none" (random), "places" or "gldv2" (see `pretrained`), or the path of a state dict with
            torchvision's names.
        freeze: "early" keeps the first two convolutions fixed, as the benchmark does; "none" trains all.
            "auto" is "none" for random weights, else "early".
        load: False if a checkpoint replaces the weights anyway; then nothing is read or downloaded.

    Attributes:
        out_channels: 256.
        stride: 16 pixels a cell of the map (29 x 39 cells at 480 x 640).
    """

    out_channels = 256

    def __init__(
        self, weights: str = "imagenet", freeze: Literal["auto", "early", "none"] = "auto", load: bool = True
    ) -> None:
        super().__init__("alexnet", 11, 5, weights, freeze, load)
