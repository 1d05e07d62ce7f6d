"""Kinematics of inclusive scattering, lepton (along +z) + target -> lepton' + X, in float64, from the momentum alone.

Masses are neglected, and each formula is written so that it loses no digits where its terms nearly cancel:

    E' - pz = pT^2 / (E' + pz)                     for pz > 0, else as it stands; E' + pz likewise
    Q^2 = 2 E_b (E' - pz)                          virtuality, GeV^2
    y   = [2 (E_b - pz) - (E' - pz)] / (2 E_b)     inelasticity, = 1 - (E' + pz) / (2 E_b)
    x   = Q^2 / (s y),   s = 4 E_b E_t             Bjorken's

Physical are 0 < y <= 1 and 0 < x <= 1; nothing is clipped here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Energy = float | np.ndarray


def pT(p: np.ndarray) -> np.ndarray:
    """Transverse momentum of `[n, 3 or 4]` momenta, GeV."""
    return np.hypot(p[:, 0], p[:, 1])


def momentum(p: np.ndarray) -> np.ndarray:
    """|p|, which is E' of a massless particle, GeV."""
    return np.hypot(pT(p), p[:, 2])


def minus(p: np.ndarray) -> np.ndarray:
    """|p| - pz."""
    pz, e = p[:, 2], momentum(p)
    return np.where(pz > 0, pT(p) ** 2 / np.where(pz > 0, e + pz, 1), e - pz)


def theta(p: np.ndarray) -> np.ndarray:
    """Polar angle from the lepton beam, in [0, pi]."""
    return np.arctan2(pT(p), p[:, 2])


def phi(p: np.ndarray) -> np.ndarray:
    """Azimuth, in (-pi, pi]."""
    return np.arctan2(p[:, 1], p[:, 0])


def Q2(p: np.ndarray, beam: Energy) -> np.ndarray:
    """Virtuality of the exchanged boson, GeV^2."""
    return 2 * beam * minus(p)


def y(p: np.ndarray, beam: Energy) -> np.ndarray:
    """Inelasticity."""
    return (2 * (beam - p[:, 2]) - minus(p)) / (2 * beam)


def x(p: np.ndarray, beam: Energy, target: Energy) -> np.ndarray:
    """Bjorken x; infinite where y is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return Q2(p, beam) / (4 * beam * target * y(p, beam))


def mass_shell(p: np.ndarray, mass: float) -> np.ndarray:
    """E - sqrt(|p|^2 + m^2), GeV."""
    return p[:, 3] - np.hypot(momentum(p), mass)


def off_shell(p: np.ndarray, mass: float) -> np.ndarray:
    """Where E is off by more than 0.1 % + 2 MeV: more than files that round to MeV bring about."""
    return np.abs(mass_shell(p, mass)) > 1e-3 * np.abs(p[:, 3]) + 2e-3


def energies(facts: dict[str, Any], beam: np.ndarray | None = None) -> tuple[Energy, Energy] | None:
    """Energies of beam and target, GeV: of all events, or of each `[n]` where the beam differs; None if not known."""
    e = facts.get("beam") if beam is None else beam
    if e is None:
        return None
    return e, e if facts.get("target") is None else facts["target"]
