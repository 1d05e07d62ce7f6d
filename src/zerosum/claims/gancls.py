"""What Reed et al. 2016 claim of GAN-CLS."""

from ..games.gancls import GANCLS
from . import Arms, Claim, Found
from ._rigs import play
from ._texts import SIZE, captioned, kinds, matching, obeyed

ROUNDS = 1000


def played(seed: int, wrong: float) -> Found:
    engine = play(GANCLS(**SIZE, wrong=wrong), captioned(), ROUNDS, seed)
    return {"auc": matching(engine, seed), "obeyed": obeyed(engine, kinds()[0], seed)}


def aware(seed: int) -> Found:
    return played(seed, 0.5)


def unaware(seed: int) -> Found:
    return played(seed, 0.0)


DATA = "captions such as 'faint three left' over 8x12 pictures of one digit, 1000 rounds"
BESIDE = (
    "readings: the AUC, and the share of pictures that are as their captions say; one calibration, seed 100: 0.984 and "
    "0.99, without the idea 0.679 and 0.42"
)

CLAIMS = [
    Claim(
        "matching",
        "Real pictures with wrong texts teach D whether picture and text belong together (Sec. 4.2, Algorithm 1).",
        f"AUC by which D's logit tells unseen pictures with their captions from the same with others'; {DATA}",
        0.95,
        "higher",
        "wrong = 0: D never sees a real picture with a wrong text",
        Arms(aware, unaware, "auc"),
        beside=BESIDE,
    ),
    Claim(
        "captions",
        "Pictures are as their captions say, and matching-awareness has a share in it (Sec. 5, Fig. 3).",
        "share of 750 pictures, of 15 kinds, in which a judge of real ones reads digit, brightness and place as the "
        f"caption says; {DATA}",
        0.8,
        "higher",
        "wrong = 0: D never sees a real picture with a wrong text",
        Arms(aware, unaware, "obeyed"),
        beside=BESIDE,
    ),
]
