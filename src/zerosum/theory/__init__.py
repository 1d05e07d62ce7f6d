"""The theory that games stand on, small and exact: each demonstration prints its numbers and draws its picture.

distributions.py    named distributions, and KL, JSD, W1, MMD between them: in closed form, by quadrature, by sample
value.py            the value function, the optimal D*, Proposition 1, Theorem 1, Proposition 2
dirac.py            the Dirac-GAN: one number against one number, for every loss and regulariser
pictures.py         how they are drawn
lab.py              the demonstrations by their names: `zerosum theory NAME`
"""
