"""What users ask for, and the networks that read it."""

import sys
from types import SimpleNamespace

import pytest
import torch

from tests.core.toy import LABEL, TEXT, examples
from zerosum.conditions import asked, caption, columns, some
from zerosum.errors import InputError
from zerosum.nets import embed, texts
from zerosum.priors import Conditions
from zerosum.spec import Column, Columns, Field, Spec, Words

BEAM = Field(
    (1,),
    "vector",
    Columns((Column("beam", mean=30.0, std=10.0, low=10.0, high=50.0, decimals=0),), table=True),
    {"seen": [[-2.0], [0.0], [2.0]]},
)
FACES = Field(
    (4,),
    "vector",
    Columns(
        (Column("age", mean=40.0, std=20.0, low=0.0, high=90.0), Column("hair", categories=("red", "brown", "grey"))),
        table=True,
    ),
    {"seen": [[0.5, 0.0, 1.0, 0.0], [-0.5, 0.0, 0.0, 1.0]]},
)


def test_classes_by_name_number_and_several():
    assert asked(LABEL, "two").tolist() == asked(LABEL, 1).tolist() == [1]
    assert asked(LABEL, "two, three").tolist() == asked(LABEL, ["two", 2]).tolist() == [1, 2]


def test_numbers_in_the_users_units():
    assert asked(BEAM, "beam=40").tolist() == asked(BEAM, {"beam": 40}).tolist() == asked(BEAM, 40).tolist() == [[1.0]]
    assert asked(BEAM, "beam=10; beam=50").tolist() == asked(BEAM, [10, 50]).tolist() == [[-2.0], [2.0]]
    assert columns(BEAM, asked(BEAM, 25))["beam"].tolist() == [25]


def test_columns_that_are_not_named_are_as_in_the_data():
    y = asked(FACES, ["hair=red", "hair=red"])
    assert y.tolist() == [[0.5, 1.0, 0.0, 0.0], [-0.5, 1.0, 0.0, 0.0]]
    assert caption(FACES, y)[0] == "age=50, hair=red"


def test_texts():
    y = asked(TEXT, "A blue  STAR")
    assert y.tolist() == [[1, 2, 5, 0]]
    assert caption(TEXT, y) == ["a blue star"]
    assert asked(TEXT, "a ring; a star").tolist() == asked(TEXT, ["a ring", "a star"]).tolist()


@pytest.mark.parametrize(
    ("field", "condition", "message"),
    [
        (LABEL, "thre", r"no class 'thre'; did you mean 'three'\? The classes are: one, two, three"),
        (LABEL, 3, "no class '3'"),
        (LABEL, [], "the list is empty"),
        (TEXT, "a bleu star", r"no word 'bleu'; did you mean 'blue'\? Words: a, blue"),
        (TEXT, " ", "the caption is empty"),
        (TEXT, "a a a a a", "has 5 words; the captions trained on have 4 at most"),
        (TEXT, 3, "the condition is a caption"),
        (BEAM, "baem=3", r"no condition 'baem'; did you mean 'beam'\?"),
        (BEAM, "beam=fast", "beam must be a number, as beam=30; not 'fast'"),
        (BEAM, "beam=nan", "beam must be a finite number"),
        (BEAM, "beam=60", r"beam=60 lies outside of what was trained on, 10 to 50; allow it with --extrapolate"),
        (FACES, "50", "condition '50' of which column"),
        (FACES, "hair=gray", r"hair is never 'gray'; did you mean 'grey'\? It is one of: red, brown, grey"),
    ],
)
def test_what_was_never_learnt_is_refused(field, condition, message):
    with pytest.raises(InputError, match=message):
        asked(field, condition)


def test_beyond_the_range_if_allowed(capsys):
    y = asked(BEAM, 60, extrapolate=True)
    assert y.tolist() == [[3.0]]
    assert caption(BEAM, y) == ["beam=60"]
    assert "beam=60 lies outside" in capsys.readouterr().err


def test_the_prior_of_conditions_is_the_data():
    drawn = Conditions(BEAM)(1000)
    assert set(drawn.flatten().tolist()) == {-2.0, 0.0, 2.0}
    assert some(BEAM, 2).tolist() == [[-2.0], [0.0]]
    assert some(LABEL, 9).tolist() == [0, 1, 2]


@pytest.mark.parametrize("by", texts.READERS)
def test_a_reader_stops_where_the_text_does(by):
    torch.manual_seed(0)
    reader = embed(TEXT, 8, by)
    y = examples(TEXT, 16, 0)
    short = torch.tensor([[3, 4, 0, 0]])
    torch.testing.assert_close(reader(short), reader(short[:, :2]))
    assert reader(torch.zeros(1, 4, dtype=torch.int64)).count_nonzero() == 0
    assert len(reader(y).unique(dim=0)) == len(y.unique(dim=0)), "different texts are told apart"
    forwards, backwards = reader(torch.tensor([[2, 5, 0, 0], [5, 2, 0, 0]]))
    assert not torch.allclose(forwards, backwards), "the order of words counts"


def test_text_and_what_was_seen_travel_with_the_spec():
    spec = Spec(y=TEXT, z=BEAM)
    again = Spec.from_json(spec.to_json())
    assert again == spec
    assert again.z.extra == BEAM.extra


def test_characters_stand_in_a_line():
    reader = embed(TEXT, 8, "chars")
    lines = reader.line(TEXT.codec.encode(["a blue star", "ring"]))
    spelled = ["".join(reader.alphabet[i - 1] for i in line if i) for line in lines.tolist()]
    assert spelled == ["a blue star ", "ring "]
    assert bool((lines.sign().diff(dim=1) <= 0).all()), "no gaps"


def test_characters_of_a_long_text_are_cut_as_in_the_paper():
    codec = Words(tuple(f"word{i:04}" for i in range(40)), 30)
    reader = texts.Characters(codec, 8)
    y = torch.arange(1, 31)[None]
    assert reader.line(y).shape == (1, 201)
    assert len(reader.layers) == 3
    late, early = y.clone(), y.clone()
    late[0, 25], early[0, 3] = 40, 40
    assert torch.equal(reader(y), reader(late)), "beyond the 201st character"
    assert not torch.equal(reader(y), reader(early))


def test_words_are_read_by_their_letters():
    """A word never seen resembles one that is spelled nearly as it."""
    torch.manual_seed(0)
    codec = Words(("umbrella", "umbrellas", "xylophone"), 1)
    a, b, c = texts.Characters(codec, 16)(torch.tensor([[1], [2], [3]]))
    assert (a - b).norm() < (a - c).norm() / 2


class Library:
    """Stands for sentence-transformers: texts become the counts of their letters; remembers what it is asked."""

    def __init__(self, weights: bool = True):
        self.weights, self.asked, self.told = weights, [], {}

    def __call__(self, name, **options):
        self.told = {"name": name, **options}
        if not self.weights:
            raise OSError("We couldn't find it in the cached files")
        return SimpleNamespace(encode=self.encode)

    def encode(self, texts, **options):
        self.asked += texts
        return torch.tensor([[text.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts])


def test_a_sentence_encoder_that_is_at_hand(monkeypatch):
    library = Library()
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=library))
    reader = embed(TEXT, 5, "some/encoder")
    y = TEXT.codec.encode(["a blue star", "ring", "a blue star"])
    out = reader(y)
    assert library.told["local_files_only"] is True, "nothing is downloaded"
    assert library.told["model_kwargs"] == {"use_safetensors": True}, "nothing is unpickled"
    assert library.asked.count("a blue star") == 1, "vectors are kept"
    reader(y)
    assert library.asked.count("a blue star") == 1
    counts = library.encode(["a blue star", "ring", "a blue star"]).float()
    torch.testing.assert_close(out, counts @ reader.out.weight.T + reader.out.bias)
    assert {name for name, _ in reader.named_parameters()} == {"out.weight", "out.bias"}


def test_a_sentence_encoder_that_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"reader 'gur'; did you mean 'gru'\?.*pip install 'zerosum\[text\]'"):
        embed(TEXT, 5, "gur")
    monkeypatch.setitem(
        sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=Library(weights=False))
    )
    with pytest.raises(InputError, match=r"Nothing is downloaded unasked: fetch it with 'hf download some/encoder'"):
        embed(TEXT, 5, "some/encoder")
