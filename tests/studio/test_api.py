"""The addresses: what they give, and what they say to nonsense."""

import base64
import io
import json
import sys

import httpx2 as httpx
import numpy as np
import pytest
import torch
from PIL import Image

from zerosum import zoo
from zerosum.draws import draw
from zerosum.errors import InputError
from zerosum.settings import DataOptions, Settings
from zerosum.studio import forms
from zerosum.studio.jobs import Jobs
from zerosum.studio.models import Models
from zerosum.studio.moments import moment
from zerosum.studio.shelf import Shelf

from .conftest import Served
from .visitor import until


def picture(size=(30, 20), mode="RGB", kind="PNG") -> str:
    file = io.BytesIO()
    Image.new(mode, size, 90).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def client(served):
    with httpx.Client(base_url=served.url, timeout=60) as found:
        yield found


# Runs.


def test_the_list_has_all_runs_newest_first(client, digits, classes, ring):
    found = client.get("/api/runs").json()
    assert [run["name"] for run in found] == [ring.name, classes.name, digits.name]
    assert {run["kind"] for run in found} == {"plane", "image"}
    assert all(run["state"] in ("finished", "elsewhere") for run in found)
    assert found[-1]["pictures"] == [0, 2, 4, 6]


def test_a_damaged_run_is_shown_as_such(client, root):
    broken = root / "00050-broken"
    broken.mkdir()
    (broken / "config.yaml").write_text(": {")
    try:
        (found,) = [run for run in client.get("/api/runs").json() if run["name"] == broken.name]
        assert found["state"] == "damaged"
        assert client.get(f"/api/runs/{broken.name}").status_code == 400
    finally:
        (broken / "config.yaml").unlink()
        broken.rmdir()


def test_a_run_is_told_with_its_findings_and_metrics(client, digits):
    finding = {
        "name": "mode_collapse",
        "severity": "warning",
        "since_round": 2,
        "evidence": "x",
        "says": "y",
        "remedy": "z",
    }
    path = digits.path / "doctor.json"
    try:
        path.write_text(json.dumps({"findings": [finding]}))
        found = client.get(f"/api/runs/{digits.name}").json()
        assert found["findings"] == [finding]
        path.write_text('{"find')
        assert client.get(f"/api/runs/{digits.name}").json()["findings"] == []
    finally:
        path.unlink()
    assert found["config"]["game"] == "dcgan"
    assert len(client.get(f"/api/runs/{digits.name}/stats").json()) == 6
    assert client.get(f"/api/runs/{digits.name}/pictures/reals").headers["content-type"] == "image/png"


def test_events_tell_all_readings_at_once_and_then_wait(client, digits):
    with client.stream("GET", f"/api/runs/{digits.name}/events?since=3") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        line = next(line for line in stream.iter_lines() if line.startswith("data: "))
    news = json.loads(line.removeprefix("data: "))
    assert [row["round"] for row in news["readings"]] == [4, 5, 6]
    assert news["run"]["name"] == digits.name


def test_moments_hold_what_d_thinks_and_the_plane(client, ring, digits):
    rounds = client.get(f"/api/runs/{ring.name}/moments").json()
    assert rounds == [2, 4, 6]
    found = client.get(f"/api/runs/{ring.name}/moments/6").json()
    assert np.shape(found["plane"]["heat"]) == (48, 48)
    assert (
        np.shape(found["plane"]["fake"]) == np.shape(found["plane"]["real"]) == (400, 2)
        or len(found["plane"]["real"]) == 40
    )
    real = np.array(found["plane"]["real"])
    assert abs(np.linalg.norm(real, axis=1) - 2).max() < 0.2  # in the user's units: on the ring
    assert found["judges"]["D"]["real"] == sorted(found["judges"]["D"]["real"])
    assert found["unheard"] == []
    assert (
        "plane"
        not in client.get(
            f"/api/runs/{digits.name}/moments/{client.get(f'/api/runs/{digits.name}/moments').json()[-1]}"
        ).json()
    )
    assert client.get(f"/api/runs/{ring.name}/moments/3").status_code == 404


def test_the_map_is_ds_own_and_arrows_climb_it(ring):
    game, spec = ring.load()
    found = moment(game, spec, ring.data().held_out.take(400))["plane"]
    columns = spec.x.codec.columns
    mean, std = (torch.tensor([getattr(c, k) for c in columns]) for k in ("mean", "std"))
    back = lambda points: ((torch.tensor(points, dtype=torch.float64) - mean) / std).float()  # noqa: E731
    with torch.no_grad():
        low = float(game.D(back([found["low"]])))
        before, after = (game.D(back(found[k])) for k in ("fake", "tips"))
    assert low == pytest.approx(found["heat"][0][0], rel=1e-2, abs=1e-3)
    assert (after >= before[: len(after)] - 1e-3).float().mean() > 0.8


# Forms.


@pytest.mark.parametrize("game", ["auto", *zoo.names()])
def test_every_game_has_a_form_and_a_form_of_defaults_says_nothing(game):
    kind = forms.kind_of(game)
    schema = forms.schema(kind)
    assert json.dumps(schema)
    defaults = {k: v["default"] for k, v in schema["properties"].items()}
    assert forms.words(kind, defaults) == []


def test_forms_describe_their_fields():
    fields = forms.schema(Settings)["properties"]
    assert fields["rounds"] == {
        "type": "integer",
        "minimum": 1,
        "description": "rounds to play in all",
        "default": 10000,
    }
    assert fields["precision"]["enum"] == ["fp32", "tf32", "bf16", "auto"]
    assert "out" not in fields
    assert "columns" in forms.schema(DataOptions)["properties"]


def test_a_form_becomes_words_of_the_command_line(tmp_path):
    words = forms.training("wgan_gp", "digits", {"lam": 5.0, "n_critic": 5}, {"rounds": 80}, {"flip": True}, tmp_path)
    wanted = "train wgan_gp digits --lam 5.0 --rounds 80 --save-every 2 --flip --out"
    assert words == [*wanted.split(), str(tmp_path)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"game": "gam"}, "did you mean"),
        ({"game": "/tmp/evil.py"}, "no game"),
        ({"source": "--help"}, "not a value"),
        ({"source": "a\nb"}, "not a value"),
        ({"hyperparameters": {"z_dimm": 3}}, "did you mean 'z_dim'"),
        ({"hyperparameters": {"z_dim": "many"}}, "z_dim"),
        ({"settings": {"out": "/tmp"}}, "no option 'out'"),
        ({"settings": {"rounds": 0}}, "rounds must be 1 or more"),
        ({"settings": {"augment": "--help"}}, "not a value"),
    ],
)
def test_wrong_orders_are_refused_in_words(client, change, said):
    answer = client.post("/api/jobs", json={"game": "gan", "source": "ring8", **change})
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    (part, inside), *_ = change.items()
    assert answer.json()["field"] == (next(iter(inside)) if isinstance(inside, dict) else part)


def test_every_address_is_documented(client):
    document = client.get("/api/openapi.json").json()
    said = [(path, verb, about) for path, verbs in document["paths"].items() for verb, about in verbs.items()]
    assert len(said) > 35
    for path, verb, about in said:
        assert about["tags"], (path, verb)
        assert about["description"].endswith("."), (path, verb)
        assert "200" in about["responses"], (path, verb)
        assert all("schema" in p for p in about.get("parameters", [])), (path, verb)
    wanted = ["stats", "events", "pictures", "sample", "translate", "encode", "classify", "invert", "evaluate"]
    assert all(any(path.count(f"/{word}") for path, *_ in said) for word in wanted)


def test_what_is_no_json_or_has_too_much_is_refused(client, digits):
    for body in ({"n": 0}, {"n": 10**6}, {"seed": -1}, {"other": 1}, {"n": "x"}, [], None):
        answer = client.post(f"/api/runs/{digits.name}/sample", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]


# Processes.


def test_processes_are_limited_and_their_end_is_told(tmp_path):
    code = (
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('zerosum: no such', flush=True); time.sleep(float(sys.argv[-1])); sys.exit(2)"
    )
    jobs = Jobs(Shelf(tmp_path / "runs"), [sys.executable, "-c", code], most=2)
    first, second = jobs.start("train", ["600"]), jobs.start("train", ["600"])
    with pytest.raises(InputError, match="2 processes work already"):
        jobs.start("train", ["1"])
    assert jobs.pause(first.id).state == "paused"
    assert jobs.go_on(first.id).state == "starting"
    until(lambda: "no such" in second.said())
    jobs.stop(second.id)
    until(lambda: second.status is not None)
    assert second.state in ("stopped", "failed")
    assert jobs.close(5) == [first]
    third = jobs.start("train", ["0"])
    until(lambda: third.status is not None)
    assert third.state == "failed"
    assert "no such" in third.said()


# Models.


def test_samples_are_those_of_the_command_line(client, digits, ring):
    answer = client.post(f"/api/runs/{digits.name}/sample", json={"n": 5, "seed": 7}).json()
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["png"]))))
    tile = sheet[: answer["height"], answer["width"] : 2 * answer["width"], 0]
    wanted = ((digits.draw(5, 7)[1, 0] + 1) * 127.5).round().clamp(0, 255).numpy()
    assert abs(tile - wanted).max() <= 1
    rows = client.post(f"/api/runs/{ring.name}/sample", json={"n": 5, "seed": 7}).json()["rows"]
    np.testing.assert_allclose(rows, ring.sample(5, 7), atol=1e-5)


@pytest.mark.parametrize("which", ["digits", "classes", "ring"])
def test_latents_give_the_samples_that_they_belong_to(which, request):
    run = request.getfixturevalue(which)
    model = Models().get(run)
    z = model.latents(70, seed=3)
    assert z.shape == (70, 8)
    y = torch.arange(70) % 10 if which == "classes" else None
    assert torch.allclose(model.render(z, y), draw(model.game, 70, 3, y=y), atol=1e-5)
    assert torch.equal(
        model.render(z[:4], None if y is None else y[:4]), model.render(z[:4], None if y is None else y[:4])
    )


def test_every_game_can_be_walked_through_that_draws_latents(tmp_path):
    import zerosum as zs

    run = zs.train("infogan", "digits", rounds=1, width=8, z_dim=4, batch=8, out=tmp_path, track="none", quiet=True)
    model = Models().get(run)
    z = model.latents(6)
    assert z.shape == (6, 4 + 10 + 2)  # noise, category, codes
    assert torch.allclose(model.render(z), draw(model.game, 6), atol=1e-5)


def test_directions_change_samples_more_than_chance_does(digits):
    model = Models().get(digits)
    directions, z = model.directions, model.latents(64)
    assert directions.shape == (8, 8)
    change = lambda d: float((model.render(z + d) - model.render(z - d)).square().mean())  # noqa: E731
    chance = [change(d * directions[0].norm() / d.norm()) for d in torch.randn(20, 8)]
    assert change(directions[0]) > np.median(chance)


def test_inversion_finds_a_sample_again(digits):
    model = Models().get(digits)
    x = model.render(model.latents(1, seed=99))
    z, distance = model.invert(x)
    assert distance < 0.1
    assert float((model.render(z[None]) - x).square().mean().sqrt()) == pytest.approx(distance, abs=1e-4)


def test_uploads_are_decoded_safely(client, digits):
    path = f"/api/runs/{digits.name}/invert"
    for kind in ("PNG", "JPEG"):
        answer = client.post(path, json={"picture": picture(kind=kind)})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["z"]) == 8
    bomb = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 100).decode()
    for wrong in ("not base64!", base64.b64encode(b"%PDF-1.4").decode(), bomb, picture((12000, 9000), "1"), ""):
        answer = client.post(path, json={"picture": wrong})
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]


def test_what_a_model_cannot_do_is_said(client, digits, ring):
    for what, upload in (("translate", "does not translate"), ("classify", "no 'classify'"), ("encode", "no 'encode'")):
        answer = client.post(f"/api/runs/{digits.name}/{what}", json={"picture": picture()})
        assert (answer.status_code, upload in answer.json()["error"]) == (400, True)
    assert client.post(f"/api/runs/{ring.name}/invert", json={"picture": picture()}).status_code == 400
    for z in ([[0.0] * 7], [[0.0] * 8, [0.0]], [[1e39] * 8]):
        assert client.post(f"/api/runs/{digits.name}/render", json={"z": z}).status_code == 400
    told = client.post(f"/api/runs/{digits.name}/sample", json={"condition": "3"})
    assert "cannot be told" in told.json()["error"]


def test_pictures_are_translated_the_ways_that_the_game_goes(tmp_path):
    import zerosum as zs

    out = dict(out=tmp_path, track="none", quiet=True)
    run = zs.train("pix2pix", "edges:digits", rounds=1, batch=4, limit=40, width=8, **out)
    here = Served(tmp_path)
    try:
        with httpx.Client(base_url=here.url, timeout=60) as client:
            told = client.get(f"/api/runs/{run.name}/model").json()
            assert (told["ways"], told["latents"]) == (["a2b"], 0)
            made = client.post(f"/api/runs/{run.name}/translate", json={"picture": picture()}).json()
            assert (made["n"], made["height"], made["width"]) == (1, 8, 8)
            back = client.post(f"/api/runs/{run.name}/translate", json={"picture": picture(), "way": "b2a"})
            assert (back.status_code, "a2b only" in back.json()["error"]) == (400, True)
            assert client.post(f"/api/runs/{run.name}/sample", json={}).status_code == 400
            assert client.get(f"/api/runs/{run.name}/moments").status_code == 200
    finally:
        here.close()


def test_events_are_shown_with_their_ratios(tmp_path):
    import zerosum as zs

    run = zs.train("gan", "ep", rounds=1, batch=16, limit=400, width=8, out=tmp_path, track="none", quiet=True)
    here = Served(tmp_path)
    try:
        with httpx.Client(base_url=here.url, timeout=120) as client:
            assert client.get("/api/runs").json()[0]["kind"] == "events"
            answer = client.get(f"/api/runs/{run.name}/panels")
            assert Image.open(io.BytesIO(answer.content)).width > 1000
    finally:
        here.close()


def test_points_have_no_panels(client, ring):
    assert client.get(f"/api/runs/{ring.name}/panels").status_code == 404


def test_rendering_takes_less_than_a_tenth_of_a_second(client, digits):
    """Of a small model, page to page: the best of ten, for the machine may be busy."""
    z = client.post(f"/api/runs/{digits.name}/latents", json={"n": 1}).json()["z"]
    path = f"/api/runs/{digits.name}/render"
    client.post(path, json={"z": z})
    assert min(client.post(path, json={"z": z}).elapsed.total_seconds() for _ in range(10)) < 0.1


# Judging.


def test_a_session_over_the_interface(client, digits):
    order = {"run": digits.name, "judge": "Ann", "n": 10, "seed": 1}
    turn = client.post("/api/judge/sessions", json=order).json()
    assert (turn["trial"], turn["of"], turn["exposure_ms"]) == (0, 11, None)
    at = f"/api/judge/sessions/{turn['session']}"
    seen = set()
    while not turn["finished"]:
        assert client.get(f"{at}/pictures/{turn['trial'] + 2}").status_code == 404  # nobody looks far ahead
        content = client.get(f"{at}/pictures/{turn['trial']}").content
        seen.add(content)
        assert Image.open(io.BytesIO(content)).info == {}
        turn = client.post(f"{at}/answers", json={"trial": turn["trial"], "said": "fake"}).json()
    assert len(seen) == 11
    assert turn["result"]["score"] == 0.5
    assert client.get(f"{at}/pictures/0").status_code == 404
    scores = client.get(f"/api/judge/scores/{digits.name}").json()  # of other tests' judges, too
    (own,) = [each for s in scores if s["mode"] == "infinity" for each in s["each"] if each["judge"] == "Ann"]
    assert (own["n"], own["score"]) == (10, 0.5)
    assert client.get(f"/api/judge/answers.csv?run={digits.name}").text.count(",Ann,") == 11
    timed = client.post("/api/judge/sessions", json={**order, "mode": "time"}).json()
    assert timed["exposure_ms"] == 500


def test_points_cannot_be_judged_by_eye(client, ring):
    answer = client.post("/api/judge/sessions", json={"run": ring.name})
    assert (answer.status_code, "no pictures" in answer.json()["error"]) == (400, True)
