"""Two games on eight Gaussians in a ring: train both, and put their cards side by side."""

import zerosum as zs

data = zs.data("ring8")
cards = {}
for game in ("gan", "wgan_gp"):
    run = zs.train(game, data, rounds=500, batch=256, out="runs")
    cards[game] = {card.name: card for card in run.evaluate(repeats=3)}

for name, card in cards["gan"].items():
    print(
        f"{name:22} gan {card.value:8.4f}   wgan_gp {cards['wgan_gp'][name].value:8.4f}   real data {card.floor:8.4f}"
    )
