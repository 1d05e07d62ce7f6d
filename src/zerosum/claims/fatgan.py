"""What Alanazi et al. 2020 claim, and the lecture's comparison of convergence."""

from ..games.dsgan import DSGAN
from ..games.fatgan import FATGAN
from ..games.wgan_gp import WGANGP
from . import Arms, Claim, Found
from ._scattering import CRITIC, MATCH, SIZE, ep, judged, play

T = "E/px/py/pz:onshell(0.00051099895),pz:below(50)"


def fat(seed: int) -> Found:
    """The full game, which every claim compares with."""
    return judged(play(FATGAN(**SIZE, **MATCH), ep("cartesian"), seed), seed)


def direct(seed: int) -> Found:
    return judged(play(DSGAN(**SIZE), ep("direct"), seed), seed)


def untransformed(seed: int) -> Found:
    return judged(play(FATGAN(**SIZE, **MATCH), ep("direct", None, "pT,E,cot"), seed), seed)


def unaugmented(seed: int) -> Found:
    return judged(play(FATGAN(**SIZE, **MATCH), ep(None, T), seed), seed)


def unmatched(seed: int) -> Found:
    return judged(play(FATGAN(**SIZE, mmd=0.0), ep("cartesian"), seed), seed)


def plain(seed: int) -> Found:
    game = WGANGP(z_dim=SIZE["z_dim"], width=SIZE["width"] // 4, lam=10.0, n_critic=CRITIC, lr=SIZE["lr"])
    return judged(play(game, ep(), seed), seed)


def spherical(seed: int) -> Found:
    return judged(play(FATGAN(**SIZE, **MATCH), ep("spherical"), seed), seed)


DATA = "the shipped sample of 20,000 events at 50 GeV on 50 GeV, 10,000 held out, 800 rounds of 250 events"
MEAN = f"mean chi^2/ndf over px, py, pz, E, pT, theta, phi, x and Q^2; {DATA}"
BESIDE = "readings in order: chi^2/ndf, the worst feature's, events beyond the beam in 10,000"

CLAIMS = [
    Claim(
        "convergence",
        "At equal budget the FAT-GAN agrees with held-out events where direct simulation does not (Sec. 4, Fig. 4).",
        MEAN,
        5.0,
        "lower",
        "DS-GAN: momenta as they are, and no MMD",
        Arms(fat, direct, "chi2/ndf"),
        data=("ep",),
        beside=BESIDE,
    ),
    Claim(
        "transformation",
        "With T = ln(E_b - p_z) no generated event lies beyond the beam (Sec. 3).",
        f"events with p_z >= E_b in 10,000; {DATA}",
        0.0,
        "lower",
        "p_z is written as it is; augmentation and MMD stay",
        Arms(fat, untransformed, "beyond"),
        data=("ep",),
        beside=BESIDE,
    ),
    Claim(
        "augmentation",
        "Features beside those that are written make the discriminator more sensitive (Sec. 3).",
        MEAN,
        5.0,
        "lower",
        "D sees p_x, p_y and T alone; MMD, on these, stays",
        Arms(fat, unaugmented, "chi2/ndf"),
        data=("ep",),
        beside=BESIDE,
    ),
    Claim(
        "mmd",
        "The MMD term improves the match of the distributions (Sec. 3).",
        MEAN,
        3.7,
        "lower",
        "eta = 0",
        Arms(fat, unmatched, "chi2/ndf"),
        data=("ep",),
        beside=BESIDE,
    ),
    Claim(
        "wgan_gp",
        "What learns events is not the Wasserstein objective alone.",
        MEAN,
        5.0,
        "lower",
        "the game wgan_gp on p_x, p_y, p_z and E, with networks as large",
        Arms(fat, plain, "chi2/ndf"),
        data=("ep",),
        beside=BESIDE,
    ),
    Claim(
        "cartesian",
        "Cartesian coordinates are learnt better than spherical ones (Sec. 4, Fig. 4; the lecture's comparison).",
        MEAN,
        3.7,
        "lower",
        "the same game in |p|, theta, phi, beside which D sees p_x, p_y, p_z and p_T",
        Arms(fat, spherical, "chi2/ndf"),
        data=("ep",),
        beside=BESIDE,
    ),
]
