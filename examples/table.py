"""A table with numbers and categories: learn it, and write new rows in the same units."""

import numpy as np
import polars as pl

import zerosum as zs

rng = np.random.default_rng(0)
group = rng.choice(["a", "b"], 4000)
height = rng.normal(np.where(group == "a", 165, 180), 7)
frame = pl.DataFrame({"group": group, "height": height, "weight": 0.9 * height - 90 + rng.normal(0, 6, 4000)})

run = zs.train("wgan_gp", frame, rounds=300, batch=128, lr=5e-4)
new = pl.DataFrame(run.sample(4000))
print(frame.group_by("group").mean().sort("group"), new.group_by("group").mean().sort("group"))
