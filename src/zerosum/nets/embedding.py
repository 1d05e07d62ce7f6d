"""What every embedding of a condition has."""

from torch import nn


class Embedding(nn.Module):
    """y -> rows `[n, width]`."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width
