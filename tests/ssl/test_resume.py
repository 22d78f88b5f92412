"""A pretraining that was killed goes on, to the last bit, as one that was not; one that leads nowhere stops."""

from dataclasses import replace

import pytest
import torch

from repro.config import DINO, MAE, Data, MoCo, MoCoV3, Model, SwAV, Training, Views
from repro.data import load_dataset
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.procedures.pretrain import make_plan
from repro.ssl import pretext
from repro.ssl.methods import make_objective
from repro.ssl.views import RandomViews
from repro.training import loop
from repro.training.checkpoint import checksum, load_tensors
from repro.training.precision import place
from tests.training.test_loop import break_off

CPU = torch.device("cpu")
RESNET = Model("resnet", classes=0, width=8, depth=4, image_size=16)
VIT = Model("vit", classes=0, width=16, depth=2, heads=2, patch_size=4, image_size=16, drop_path=0.2)
SGD = Training(epochs=3, batch_size=16, learning_rate=0.05, schedule="cosine")
ADAM = replace(SGD, optimizer="adamw", learning_rate=1e-3, final_weight_decay=0.1, betas=(0.9, 0.95), clip_norm=1.0)
TWO = (Views(count=2, size=16, jitter=0.8, grey=0.2, blur=0.5),)
LOCAL = (*TWO, Views(count=2, size=8, area=(0.1, 0.3), solarise=0.2))
SMALL_DINO = DINO(outputs=16, hidden=24, bottleneck=8, temperature_epochs=2)
CASES = {
    "moco": (MoCo(queue=48, outputs=8, groups=2), TWO, RESNET, SGD),
    "moco v2": (MoCo(queue=32, outputs=8, head="mlp", groups=1), TWO, RESNET, SGD),
    "moco v3": (MoCoV3(hidden=24, outputs=8), TWO, VIT, ADAM),
    "dino": (SMALL_DINO, LOCAL, VIT, replace(ADAM, clip_each=True)),
    "dino, mended": (replace(SMALL_DINO, norms="all", targets="sinkhorn"), LOCAL, RESNET, SGD),
    "mae": (MAE(width=16, depth=1, heads=2), (Views(size=16),), VIT, ADAM),
    "swav": (SwAV(hidden=24, outputs=8, prototypes=12, queue=32, queue_epochs=1), LOCAL, RESNET, SGD),
}


def make_fit(case, folder=None, **changes):
    method, views, network, training = CASES[case]
    torch.manual_seed(0)
    several = len({kind.size for kind in views}) > 1
    patched = place(PatchNetwork(build_model(network, fused_attention=False), any_size=several), CPU)
    training = replace(training, **changes)
    loader = load_dataset(Data("digit-pairs", 64, 32)).train_loader(16, RandomViews(views), 0, CPU)
    objective = make_objective(patched, method, make_plan(training, loader))
    return loop.Fit(patched, loader, training, objective=objective, folder=folder, test=lambda _: objective.report())


def outcome(fit):
    """All that a training is: weights, teacher, head, queue and centre, and its history."""
    history = [{k: v for k, v in entry.items() if k != "seconds"} for entry in fit.history]
    return checksum(fit.network.inner.state_dict()), checksum(fit.objective.state.state_dict()), history


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 6, 8, 11])
@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_as_if_it_had_not_stopped(case, stop, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole = make_fit(case)
    before = {name: t.clone() for name, t in whole.objective.state.state_dict().items()}
    whole.run()
    break_off(make_fit(case, tmp_path), stop, monkeypatch)
    resumed = make_fit(case, tmp_path)
    resumed.run()
    assert outcome(resumed) == outcome(whole)
    assert len(whole.history) == 4
    after = whole.objective.state.state_dict()
    assert any(not torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(("case", "parts"), [("moco", {"teacher", "queue"}), ("dino", {"teacher", "centre"})])
def test_what_a_method_holds_is_part_of_the_checkpoint(case, parts, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    fit = make_fit(case, tmp_path)
    break_off(fit, 3, monkeypatch)
    saved = load_tensors(tmp_path / loop.STATE_FILE)[0]
    assert parts < {name.split("/")[1].split(".")[0] for name in saved if name.startswith("objective/")}


def test_the_history_says_how_far_apart_features_are():
    fit = make_fit("swav", epochs=1)
    fit.run()
    start, end = fit.history
    assert start.keys() == {"epoch", "seconds"}
    assert {"train_loss", "feature_spread", "output_spread", "target_information"} < end.keys()
    assert 0 < end["feature_spread"] < 1


def test_a_loss_that_is_not_a_number_stops_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    fit = make_fit("moco", tmp_path)
    break_off(fit, 5, monkeypatch)
    fit = make_fit("moco", tmp_path)
    monkeypatch.setattr(fit.objective, "make_keys", lambda *_: torch.full((16, 8), float("nan")))
    with pytest.raises(loop.Diverged, match=r"loss of epoch 2 is nan: lower learning_rate"):
        fit.run()
    assert load_tensors(tmp_path / loop.STATE_FILE)[1]["step"] == 5


def test_a_collapse_stops_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(pretext, "PATIENCE", 0)
    fit = make_fit("moco v2", tmp_path)
    step = fit.train_step

    def train_step(learner):
        if fit.step == 6:
            for weight in fit.objective.state.head.parameters():
                weight.data.fill_(1.0)  # every output is the same
        step(learner)

    monkeypatch.setattr(fit, "train_step", train_step)
    with pytest.raises(pretext.Collapsed, match=r"output spread is .* at step 6, below 0.01"):
        fit.run()
    assert load_tensors(tmp_path / loop.STATE_FILE)[1]["step"] == 6
