"""Pretraining and evaluation as runs of the store: identity, record, resume, baselines, refusals."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from repro import config
from repro.config import (
    DINO,
    MAE,
    MOCO_V2,
    ConfigError,
    Data,
    EvaluateRun,
    FineTuning,
    LinearProbe,
    MoCo,
    MoCoV3,
    Model,
    PretrainRun,
    SwAV,
    Training,
    TrainRun,
    Views,
)
from repro.procedures.origins import FINAL_FILE
from repro.procedures.pretrain import SHRINKS
from repro.runs import store
from repro.runs.rehearsal import rehearse, shrink
from repro.runs.schedule import RunFailed, get_or_compute
from repro.ssl.scores import pack_bits, unpack_bits
from repro.training import loop
from repro.training.checkpoint import load_tensors, stored_checksum
from tests.conftest import forget

DATA = Data("digit-pairs", classes=(0, 11, 57))  # 300 training and 90 test images
RESNET = Model("resnet", classes=0, width=8, depth=4, image_size=16)
VIT = Model("vit", classes=0, width=16, depth=2, heads=2, patch_size=4, image_size=16)
SHORT = Training(epochs=1, batch_size=32, learning_rate=0.05)
TWO = (Views(count=2, size=16, flip=0.0, jitter=0.8),)
LOCAL = (*TWO, Views(count=2, size=8, area=(0.1, 0.3)))
MOCO = PretrainRun(MoCo(queue=64, outputs=8, groups=2), TWO, DATA, RESNET, SHORT)
RUNS = {
    "moco": MOCO,
    "moco v3": replace(MOCO, method=MoCoV3(24, 8), model=VIT),
    "dino": replace(MOCO, method=DINO(16, 24, 8), views=LOCAL, model=VIT),
    "mae": replace(MOCO, method=MAE(width=16, depth=1, heads=2), views=(Views(size=16),), model=VIT),
    "swav": replace(MOCO, method=SwAV(24, 8, 12), views=LOCAL),
}
PROBE = LinearProbe(Training(epochs=5, batch_size=32, schedule="cosine", weight_decay=0.0, precision="fp32"))


def of(source, protocol=PROBE):
    return EvaluateRun(source, DATA, protocol)


def results_of(*runs):
    return get_or_compute([(run, 0) for run in runs])


@pytest.mark.parametrize("name", RUNS)
def test_a_pretraining_leaves_its_backbone_and_what_it_measured(name):
    run = RUNS[name]
    (record,) = results_of(run)
    assert set(record.metrics) >= {"train_loss", "feature_spread"}
    assert [entry["epoch"] for entry in record.history] == [0, 1]
    assert record.history[1]["feature_spread"] == record.metrics["feature_spread"]
    file = store.folder(run, 0) / FINAL_FILE
    assert stored_checksum(file) == record.weights
    assert not [name for name in load_tensors(file)[0] if "head" in name]
    assert record.timing["images_per_second"] > 0


def test_dino_keeps_its_teacher_and_moco_what_it_trained(monkeypatch):
    fits, made = [], loop.Fit.__init__

    def note(self, *args, **kwargs):
        fits.append(self)
        made(self, *args, **kwargs)

    monkeypatch.setattr(loop.Fit, "__init__", note)
    for run, differs in ((MOCO, False), (RUNS["dino"], True)):
        results_of(run)
        trained = fits[-1].network.inner.state_dict()
        kept = load_tensors(store.folder(run, 0) / FINAL_FILE)[0]
        weights = [name for name in kept if name.endswith("weight")]
        assert any(not torch.equal(kept[name], trained[name]) for name in weights) == differs


def test_a_seed_is_the_same_pretraining_again_and_another_one_is_not():
    first, other = get_or_compute([(MOCO, 0), (MOCO, 1)])
    forget((MOCO, 0))
    assert results_of(MOCO)[0].weights == first.weights
    assert other.weights != first.weights


def test_an_evaluation_tells_each_class_and_image():
    (record,) = results_of(of(MOCO))
    hits = unpack_bits(record.details["hits"], 90)
    assert hits.mean() == pytest.approx(record.metrics["accuracy"])
    by_class = [hits[start : start + 30].mean() for start in (0, 30, 60)]  # test images are sorted by class
    assert record.details["class_accuracy"] == pytest.approx(by_class, abs=1e-6)
    assert 0 <= record.metrics["accuracy_knn"] <= 1
    assert record.inputs["source"] == results_of(MOCO)[0].weights


def test_pixels_and_networks_as_drawn_go_through_the_same_code():
    pixels, drawn, vit = results_of(of(None), of(RESNET), of(VIT))
    assert pixels.metrics["accuracy"] > 0.9, "three classes of digits are easy"
    assert drawn.metrics["accuracy"] > 1 / 3
    assert {r.metrics.keys() == pixels.metrics.keys() for r in (drawn, vit)} == {True}
    assert pixels.inputs == drawn.inputs == {}


@pytest.mark.parametrize("kind", ["mean", "last and mean", "last four"])
def test_a_vit_has_features_of_several_kinds_and_a_resnet_of_one(kind):
    protocol = replace(PROBE, features=kind)
    assert results_of(of(VIT, protocol))[0].metrics["accuracy"] > 1 / 3
    with pytest.raises(RunFailed, match='ResNet has features of one kind: set features="last"'):
        results_of(of(RESNET, protocol))


def test_a_probe_may_see_new_crops_at_every_step():
    crops = replace(PROBE, views=Views(size=16, area=(0.6, 1.0), flip=0.0))
    whole, cropped = results_of(of(MOCO), of(MOCO, crops))
    assert whole.metrics != cropped.metrics
    assert whole.metrics["accuracy_knn"] == cropped.metrics["accuracy_knn"], "neighbours see whole images"


@pytest.mark.parametrize("source", [RUNS["mae"], VIT], ids=["pretrained", "drawn"])
def test_a_network_is_fine_tuned_with_a_new_head(source):
    training = Training(epochs=1, batch_size=32, optimizer="adamw", learning_rate=1e-3, layer_decay=0.8, augment="none")
    for protocol in (FineTuning(training), FineTuning(training, TWO[0], "mean")):
        (record,) = results_of(of(source, protocol))
        assert len(record.details["class_accuracy"]) == 3
        assert record.history[-1]["train_loss"] > 0
    with pytest.raises(RunFailed, match=r"layer_decay 0.8 needs a network of blocks"):
        results_of(of(RESNET, FineTuning(training)))


def test_a_network_trained_with_labels_can_be_probed():
    run = TrainRun(DATA, replace(RESNET, classes=3), replace(SHORT, augment="none"))
    assert results_of(of(run))[0].metrics["accuracy"] > 0.8


@pytest.mark.slow
def test_an_evaluation_that_was_killed_goes_on(monkeypatch):
    runs = [of(MOCO), of(MOCO, FineTuning(replace(SHORT, augment="none")))]
    whole = [r.metrics for r in results_of(*runs)]
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    step, left = loop.Fit.train_step, {"steps": 7}

    def train_step(self, learner):
        left["steps"] -= 1
        if left["steps"] == 0:
            raise RuntimeError("killed")
        step(self, learner)

    forget(*((run, 0) for run in runs))
    monkeypatch.setattr(loop.Fit, "train_step", train_step)
    for run in runs:
        left["steps"] = 7
        with pytest.raises(RunFailed, match="killed"):
            results_of(run)
        left["steps"] = 10**6
        assert results_of(run)[0].metrics == whole[runs.index(run)]


def test_bits_are_packed_and_unpacked():
    hits = np.random.default_rng(0).random(77) < 0.5
    assert (unpack_bits(pack_bits(hits), 77) == hits).all()
    assert len(pack_bits(hits)) == 16


def test_every_method_and_protocol_can_be_rehearsed():
    imagenet = Data("imagenet")
    large = Model("vit_base_patch16_224", classes=0, width=768, image_size=224)
    wide = (Views(count=2, size=224, interpolation="bicubic", jitter=0.8, blur=0.5), Views(size=96, area=(0.05, 0.25)))
    resnet = Model("resnet50", classes=0, image_size=224)
    whole = Training(epochs=100, batch_size=1024, warmup_epochs=10)
    dino = PretrainRun(DINO(), wide, imagenet, replace(large, name="vit", patch_size=16, heads=12), whole)
    moco = PretrainRun(MOCO_V2, wide[:1], imagenet, resnet, whole)
    fine = FineTuning(replace(whole, augment="deit-once", layer_decay=0.75), features="mean")
    records = rehearse([EvaluateRun(dino, imagenet, fine), EvaluateRun(moco, imagenet), EvaluateRun(None, imagenet)])
    assert [len(r.details["class_accuracy"]) for r in records] == [2, 2, 2]
    assert set(SHRINKS) > {MoCo, MoCoV3, DINO, MAE, SwAV}
    assert isinstance(shrink(moco).method, MoCo)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(MOCO, model=replace(RESNET, classes=10)), "use Model(classes=0), not 10"),
        (lambda: replace(MOCO, training=replace(SHORT, epochs=0)), "needs epochs above 0"),
        (lambda: replace(MOCO, training=replace(SHORT, mixup=0.8)), "a pretraining has no mixup"),
        (lambda: replace(MOCO, views=(Views(size=16),)), "MoCo needs 2 views of an image; got 1"),
        (lambda: replace(MOCO, views=LOCAL), "MoCo needs 2 views of an image; got 4"),
        (lambda: replace(RUNS["mae"], views=TWO), "MAE needs 1 views of an image; got 2"),
        (lambda: replace(RUNS["dino"], views=(Views(size=16),)), "DINO needs 2 views or more"),
        (
            lambda: replace(MOCO, views=(Views(count=2, size=24),)),
            "must be of the network's size, 16 pixels; got [24, 24]",
        ),
        (lambda: replace(RUNS["dino"], views=(*TWO, Views(size=10))), "10 pixels of a view are no multiple of 4"),
        (lambda: EvaluateRun(None, DATA, FineTuning(SHORT)), "pixels cannot be fine-tuned"),
        (lambda: EvaluateRun(replace(VIT, classes=3), DATA), "use Model(classes=0), not 3"),
        (lambda: MAE(mask_share=1.0), "mask_share must lie between 0 and 1"),
        (lambda: MoCo(queue=0), "queue of MoCo must be above 0"),
        (lambda: DINO(momentum=1.5), "momentum of DINO must lie in [0, 1]"),
        (lambda: Data("digit-pairs", classes=(3,)), "a ticket of 1 classes cannot be trained on"),
        (lambda: Data("digit-pairs", classes=()), "a ticket of 0 classes cannot be trained on"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(make, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        make()


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (replace(MOCO, data=Data("digit-pairs", classes=(0, 100))), "has no class 100"),
        (replace(MOCO, method=MoCo(queue=320)), "a queue of 320 holds images more than once where an epoch shows 288"),
        (replace(MOCO, training=replace(SHORT, batch_size=512)), "batch_size 512 exceeds the 300 training images"),
        (replace(RUNS["mae"], model=RESNET), "ResNet cannot be trained as MAE"),
        (replace(RUNS["dino"], model=replace(VIT, name="swin", depth=3)), "takes images of one size alone"),
    ],
)
def test_a_run_that_cannot_be_carried_out_says_why(run, said):
    with pytest.raises(RunFailed, match=said):
        results_of(run)


def test_names_of_runs_say_all_that_they_are():
    assert config.name(MOCO).startswith("pretrain-")
    assert config.name(of(MOCO)).startswith("evaluate-")
    names = {config.name(of(source)) for source in (None, RESNET, VIT, MOCO, *RUNS.values())}
    assert len(names) == 3 + len(RUNS)
    body = json.dumps(config.canonical(of(MOCO)))
    assert config.name(MOCO) in body
