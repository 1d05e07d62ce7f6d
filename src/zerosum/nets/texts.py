"""Readers of texts: a GRU over words, a char-CNN-RNN, or a sentence encoder that the user has."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError, nearest
from ..spec import Words
from .embedding import Embedding

READERS = ("gru", "chars")
LONGEST = 201  # characters of a text that are read, as in the paper
STEPS = 8  # of the char-CNN-RNN's recurrent part, at most, as in the paper
KEPT = 50_000  # vectors of texts that are kept
Encode = Callable[[list[str]], Tensor]


def reader(codec: Words, width: int, name: str) -> Embedding:
    """The reader of this name, of `width` units. Raises InputError where it is neither known nor at hand."""
    if name == "gru":
        return Reader(len(codec.vocabulary), width)
    return Characters(codec, width) if name == "chars" else Sentences(codec, width, sentence_encoder(name))


class Reader(Embedding):
    """Texts `[n, length]`, 0 being no word -> `[n, width]`: a GRU over word vectors, its states averaged over words.

    A text of no words is the zero vector.
    """

    def __init__(self, vocabulary: int, width: int):
        super().__init__(width)
        self.words = nn.Embedding(vocabulary + 1, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, y: Tensor) -> Tensor:
        states, _ = self.gru(self.words(y))
        return averaged(states, y > 0)


class Characters(Embedding):
    """Texts `[n, length]` -> `[n, width]` by a char-CNN-RNN (Reed, Akata, Schiele and Lee 2016, arXiv:1605.05395):
    one-hot characters, convolutions over 4 of them with a pool of 3 after each, until no more than 8 steps are left,
    and a GRU over these, its states averaged over the text.

    Words that are spelled alike are read alike. At 201 characters it has three convolutions as in the paper, whose
    widths are 384, 512 and 512; here all are `width`. A text of no words is the zero vector.
    """

    letters: Tensor

    def __init__(self, codec: Words, width: int):
        super().__init__(width)
        spelled = [f"{word} " for word in codec.vocabulary]
        self.alphabet = "".join(sorted(set("".join(spelled))))
        longest = max(map(len, spelled))
        table = [[self.alphabet.index(c) + 1 for c in word] + [0] * (longest - len(word)) for word in ["", *spelled]]
        self.register_buffer("letters", torch.tensor(table), persistent=False)
        self.length = steps = min(LONGEST, codec.length * longest)
        layers, a = [], len(self.alphabet)
        while steps > STEPS or not layers:
            layers.append(nn.Conv1d(a, width, 4))
            a, steps = width, -(-steps // 3)
        self.layers, self.gru = nn.ModuleList(layers), nn.GRU(width, width, batch_first=True)

    def line(self, y: Tensor) -> Tensor:
        """The characters of texts, counted from 1 in the alphabet, `[n, 201]` or fewer; 0 is none."""
        letters = self.letters[y].flatten(1)
        place = (letters > 0).cumsum(1) - 1
        place = torch.where((letters > 0) & (place < self.length), place, self.length)
        return letters.new_zeros(len(y), self.length + 1).scatter(1, place, letters)[:, : self.length]

    def forward(self, y: Tensor) -> Tensor:
        line = self.line(y)
        h, there = F.one_hot(line, len(self.alphabet) + 1)[..., 1:].float().mT, (line > 0).float()[:, None]
        for layer in self.layers:
            h = F.max_pool1d(F.relu(layer(F.pad(h, (1, 2)))), 3, ceil_mode=True)
            there = F.max_pool1d(there, 3, ceil_mode=True)
            h = h * there
        states, _ = self.gru(h.mT)
        return averaged(states, there[:, 0] > 0)


def averaged(states: Tensor, there: Tensor) -> Tensor:
    """`[n, steps, width]` -> `[n, width]`, over the steps `there` `[n, steps]`; zero where there are none."""
    weight = there.unsqueeze(2).float()
    return (states * weight).sum(1) / weight.sum(1).clamp(min=1)


class Sentences(Embedding):
    """Texts `[n, length]` -> `[n, width]`: a sentence encoder's vectors, which nobody changes, and a linear layer.

    The encoder is no part of the module: checkpoints hold the layer alone, and loading one needs the encoder again.
    """

    def __init__(self, codec: Words, width: int, encode: Encode):
        super().__init__(width)
        self.codec, self.encode = codec, encode
        self.known: dict[str, Tensor] = {}
        self.out = nn.Linear(encode(["a"]).shape[1], width)

    def forward(self, y: Tensor) -> Tensor:
        texts = self.codec.decode(y).tolist()
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        if new:
            if len(self.known) + len(new) > KEPT:
                self.known, new = {}, list(dict.fromkeys(texts))
            self.known |= dict(zip(new, self.encode(new), strict=True))
        return self.out(torch.stack([self.known[text] for text in texts]).to(y.device))


def sentence_encoder(name: str) -> Encode:
    """A model of sentence-transformers by its name or folder, from this machine: nothing is downloaded.

    Raises InputError where the library or the weights are not at hand.
    """
    unknown = f"no reader {name!r}{nearest(name, READERS)} The readers are {' and '.join(READERS)}"
    try:
        from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            f"{unknown}; a sentence encoder needs sentence-transformers: pip install 'zerosum[text]'"
        ) from None
    try:
        model = SentenceTransformer(name, device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        repository = name if "/" in name else f"sentence-transformers/{name}"
        raise InputError(
            f"{unknown}; and no sentence encoder of that name is on this machine, with weights as safetensors. Nothing "
            f"is downloaded unasked: fetch it with 'hf download {repository}', or name a folder that holds it ({said})"
        ) from error

    def encode(texts: list[str]) -> Tensor:
        return model.encode(texts, convert_to_tensor=True, show_progress_bar=False).float().cpu().clone()

    return encode
