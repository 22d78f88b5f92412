"""Fine-tuning of what another run, or a publisher, has trained: curves, parts of epochs, orders and merged tickets."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from repro import paths
from repro.config import (
    AttentionScore,
    ConfigError,
    Data,
    MergedTicket,
    Model,
    PatchTicket,
    Pretrained,
    Published,
    SelectRun,
    Training,
    TrainRun,
    WeightTicket,
)
from repro.data import load_dataset
from repro.models import build_model
from repro.procedures.train import find_mask
from repro.runs import store
from repro.runs.schedule import get_or_compute
from repro.tickets import weights
from repro.training import loop
from repro.training.checkpoint import load_tensors
from repro.training.origins import FINAL_FILE, MASK_PREFIX, NoWeights, load_published
from tests.conftest import forget
from tests.training.test_loop import Interrupted

SHORT = Training(epochs=2, batch_size=16, optimizer="adamw", learning_rate=1e-3)
VIT = Model("vit", width=16, depth=3, heads=2)
SEEN = TrainRun(data=Data("digit-scenes", 64, 32), model=VIT, training=SHORT)
TUNED = replace(SEEN, data=replace(SEEN.data, skipped_images=64), start=Pretrained(SEEN))


def folder_of(run):
    return store.folder(run, 0)


def final(run):
    return load_tensors(folder_of(run) / FINAL_FILE)[0]


def carry_out(*runs):
    return get_or_compute([(run, 0) for run in runs])


def with_epochs(run, epochs, **changes):
    return replace(run, training=replace(run.training, epochs=epochs), **changes)


def mask_of(ticket):
    return find_mask(ticket, build_model(VIT), folder_of)


def test_skipped_images_are_those_the_pretraining_has_seen():
    whole = load_dataset(Data("digit-scenes", 128)).train.images
    first, second = (load_dataset(run.data).train.images for run in (SEEN, TUNED))
    assert torch.equal(torch.cat([first, second]), whole)
    with pytest.raises(ValueError, match="after the first 5999"):
        load_dataset(Data("digit-scenes", 2, skipped_images=5999))


def test_a_curve_tests_before_the_first_epoch_and_after_every_one():
    plain, curved = carry_out(TUNED, replace(TUNED, curve=True))
    assert [point["epoch"] for point in curved.history] == [0, 1, 2]
    assert curved.history[0]["accuracy"] == carry_out(with_epochs(TUNED, 0))[0].metrics["accuracy"]
    assert curved.history[-1]["accuracy"] == curved.metrics["accuracy"]
    assert "train_loss" not in curved.history[0]
    assert curved.history[0]["seconds"] == 0 < curved.history[1]["seconds"] < curved.history[2]["seconds"]
    assert plain.weights == curved.weights, "to test is not to train"


def test_an_interrupted_curve_ends_as_if_it_had_not_been(monkeypatch):
    curved = replace(TUNED, curve=True)
    whole = carry_out(curved)[0]
    forget((curved, 0))
    step, count = loop.Fit.train_step, iter(range(100))

    def stop_at_the_sixth(self, forward):
        if next(count) == 6:
            raise Interrupted
        step(self, forward)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(loop.Fit, "train_step", stop_at_the_sixth)
        with pytest.raises(Interrupted):
            store.compute(curved, 0)
    again = store.compute(curved, 0)
    assert again.weights == whole.weights
    tested = [[{k: v for k, v in p.items() if k != "seconds"} for p in r.history] for r in (again, whole)]
    assert tested[0] == tested[1]


def test_no_epochs_leave_the_weights_alone_and_a_part_of_one_sees_that_part():
    none, half = with_epochs(TUNED, 0), with_epochs(TUNED, 0.5)
    records = carry_out(none, half)
    source = final(SEEN)
    assert all(torch.equal(tensor, source[name]) for name, tensor in final(none).items())
    assert records[0].history == []
    assert [point["epoch"] for point in records[1].history] == [0.5]
    assert not torch.equal(final(half)["head.weight"], source["head.weight"])


def test_another_order_is_another_training_from_the_same_weights():
    one, other, again = carry_out(TUNED, replace(TUNED, order=1), replace(TUNED, order=1))
    assert one.weights != other.weights == again.weights


def test_merges_of_identical_denoisers_are_one_shot_steps():
    # Denoisers that train for no epoch are the pretrained network itself; three rounds of a fifth leave .8^3 = .512.
    run, ticket = SEEN, None
    for number in range(3):
        denoisers = [with_epochs(TUNED, 0, start=Pretrained(run), ticket=ticket, order=9 * number + j) for j in (1, 2)]
        carry_out(*denoisers)
        ticket = MergedTicket(tuple(WeightTicket(d, 0.2, "msa-mlp", "remaining") for d in denoisers))
        run = with_epochs(TUNED, 0, start=Pretrained(run), ticket=ticket)
        carry_out(run)
    merged, at_once = mask_of(ticket), mask_of(WeightTicket(SEEN, 1 - 0.8**3, "msa-mlp"))
    count = sum(m.numel() for m in merged.values())
    assert abs(weights.sparsity(merged) - weights.sparsity(at_once)) * count <= 3
    assert sum(int((merged[n] ^ at_once[n]).sum()) for n in merged) <= 3
    assert carry_out(run)[0].metrics["sparsity"] == weights.sparsity(merged)


def test_the_union_of_denoisers_is_no_sparser_than_any_and_the_gap_is_closed_to_the_weight():
    weak = [with_epochs(TUNED, 0.5, order=order) for order in (1, 2, 3)]
    carry_out(*weak)
    parts = tuple(WeightTicket(w, 0.3, "msa-mlp") for w in weak)
    merged = {how: weights.sparsity(mask_of(MergedTicket(parts, how))) for how in ("union", "vote", "intersection")}
    assert merged["union"] < 0.3 < merged["intersection"]
    assert merged["union"] < merged["vote"] < merged["intersection"]
    main = with_epochs(TUNED, 0.5, ticket=MergedTicket(parts))
    closed = with_epochs(TUNED, 0.5, start=Pretrained(main), ticket=WeightTicket(main, 0.4, "msa-mlp"))
    found = carry_out(closed)[0].metrics["sparsity"]
    assert abs(found - 0.4) * sum(m.numel() for m in mask_of(closed.ticket).values()) <= 1
    outer, inner = final(main), final(closed)
    assert all(bool((inner[n] <= outer[n]).all()) for n in outer if n.startswith(MASK_PREFIX))


def test_a_merged_ticket_needs_parts_and_a_known_merge():
    with pytest.raises(ConfigError, match="at least one"):
        MergedTicket(())
    with pytest.raises(ConfigError, match="union, intersection, vote"):
        MergedTicket((WeightTicket(SEEN, 0.5),), "mean")


def test_a_ticket_cut_by_a_score_keeps_its_share_once_and_is_told_from_others():
    selections = [SelectRun(SEEN, 0.9, TUNED.data, AttentionScore(layer=layer)) for layer in ("mean", "last")]
    students = [replace(TUNED, patches=PatchTicket(selection)) for selection in selections]
    records = carry_out(*students)
    for record in records:
        assert record.metrics["patch_sparsity"] == pytest.approx(1 - 58 / 64)  # ceil(.9 * 64) = 58
    assert records[0].weights != records[1].weights


def write_published(name, tensors):
    file = paths.data() / "weights" / f"{name}.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)


def test_published_weights_are_loaded_without_their_head():
    publisher, model = build_model(replace(VIT, classes=7)), build_model(VIT)
    write_published("vit", publisher.state_dict())
    drawn = model.head.weight.clone()
    load_published(model, Published("vit"))
    assert torch.equal(model.blocks[0].attn.qkv.weight, publisher.blocks[0].attn.qkv.weight)
    assert torch.equal(model.head.weight, drawn)
    write_published("vit", build_model(VIT).state_dict())
    assert carry_out(with_epochs(SEEN, 0, start=Published("vit")))[0].metrics["accuracy"] >= 0


def test_published_weights_that_are_missing_or_do_not_fit_are_refused_with_the_mend():
    with pytest.raises(NoWeights, match="hf download timm/vit_x"):
        load_published(build_model(VIT), Published("vit_x"))
    write_published("wide", build_model(replace(VIT, width=32)).state_dict())
    with pytest.raises(NoWeights, match=r"does not fit .* cls_token"):
        load_published(build_model(VIT), Published("wide"))
