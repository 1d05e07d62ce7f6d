"""Networks that three or more games share. The field decides: rows get perceptrons, pictures get convolutions."""

from torch import nn

from ..spec import Field
from .conditions import (
    AsItIs,
    Blind,
    ConditionalNorm,
    IntoD,
    IntoG,
    Joint,
    Normed,
    Projection,
    Together,
    embed,
)
from .dcgan import DCGANDiscriminator, DCGANGenerator, pyramid
from .embedding import Embedding
from .mlp import Discriminator, Maxout, mlp, output
from .perception import Perception, apart
from .translators import (
    EncoderDecoder,
    PatchGAN,
    Pool,
    Residual,
    ResnetTranslator,
    SRResNet,
    TooSmall,
    UNet,
    halvings,
    normal,
)

__all__ = [
    "AsItIs",
    "Blind",
    "ConditionalNorm",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "Embedding",
    "EncoderDecoder",
    "IntoD",
    "IntoG",
    "Joint",
    "Maxout",
    "Normed",
    "PatchGAN",
    "Perception",
    "Pool",
    "Projection",
    "Residual",
    "ResnetTranslator",
    "SRResNet",
    "Together",
    "TooSmall",
    "UNet",
    "apart",
    "conditional_discriminator",
    "conditional_generator",
    "discriminator",
    "embed",
    "encoder",
    "generator",
    "halvings",
    "mlp",
    "normal",
    "output",
    "pyramid",
]


def generator(z: int, field: Field, width: int) -> nn.Module:
    """`[n, z]` -> `[n, *field.shape]`. Rows: three hidden layers of `4 * width` units. Pictures: DCGAN's, with `width`
    channels before its last layer."""
    if field.kind == "image":
        return DCGANGenerator(z, field, width)
    hidden = [4 * width] * 3
    return nn.Sequential(mlp(z, *hidden, *field.written), output(field))


def discriminator(field: Field, width: int, norm: bool = False) -> Discriminator:
    """`[n, *field.shape]` -> logits `[n]`; `features` is everything below the last layer. The mirror of `generator`;
    `norm` puts batch norm where DCGAN has it."""
    if field.kind == "image":
        return DCGANDiscriminator(field, width, norm)
    hidden = [4 * width] * 3
    leaky = nn.LeakyReLU(0.2)
    return Discriminator(mlp(field.size, *hidden, act=lambda: leaky, last=leaky), hidden[-1])


def encoder(field: Field, width_out: int, width: int, norm: bool = False) -> nn.Module:
    """`[n, *field.shape]` -> `[n, width_out]`: the layers of `discriminator` below a linear one."""
    body = discriminator(field, width, norm)
    return nn.Sequential(body.features, nn.Linear(body.head.in_features, width_out))


def conditional_generator(z: int, field: Field, y: Embedding, width: int, into: IntoG = "concat") -> nn.Module:
    """f(z, y) -> `[n, *field.shape]`: `generator`, to which y stands beside z, or whose batch norms it sets. Rows have
    batch norms for it, in all hidden layers."""
    if into == "concat":
        return Together(y, generator(z + y.width, field, width))
    if field.kind == "image":
        return Normed(y, DCGANGenerator(z, field, width))
    k = 4 * width
    hidden = [layer for a in (z, k, k) for layer in (nn.Linear(a, k), nn.BatchNorm1d(k), nn.ReLU())]
    return Normed(y, nn.Sequential(*hidden, nn.Linear(k, field.written[0]), output(field)))


def conditional_discriminator(field: Field, y: Embedding, width: int, into: IntoD = "concat") -> nn.Module:
    """D(x, y), logits `[n]`: `discriminator`, to whose features y is joined, or on which it is projected."""
    x = discriminator(field, width)
    return Joint(x, y, 4 * width) if into == "concat" else Projection(x, y)
