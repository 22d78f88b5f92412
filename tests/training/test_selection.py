"""Tickets as data: selected once, checked, followed by students; and the choices that stand beside them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from repro import config
from repro.config import (
    ConfigError,
    Data,
    Model,
    PatchTicket,
    Pretrained,
    Rewind,
    SelectRun,
    ShowRun,
    Training,
    TrainRun,
)
from repro.data import load_dataset
from repro.procedures.train import apply_blank, make_objective
from repro.runs import committed, schedule, store
from repro.tickets.patches import as_mask
from repro.training import selection
from repro.training.checkpoint import DamagedFile, load_tensors
from repro.training.sources import Centre, Chance, Stored, fixed_chance
from repro.training.ticket_store import TICKETS_FILE, MismatchedTickets, id_type, open_tickets, write_tickets

CPU = torch.device("cpu")
SHORT = Training(epochs=2, batch_size=16, optimizer="adamw", learning_rate=1e-3, snapshot_epochs=(0,))
VIT = Model("vit", width=16, depth=3, heads=2)
DENSE = TrainRun(data=Data("digit-scenes", 64, 32), model=VIT, training=SHORT)
SELECT = SelectRun(DENSE, 0.75, DENSE.data)
STUDENT = replace(DENSE, training=replace(SHORT, snapshot_epochs=()), patches=PatchTicket(SELECT))


def folder_of(run):
    return store.folder(run, 0)


def carry_out(*runs):
    return schedule.get_or_compute([(run, 0) for run in runs])


def tickets(run=SELECT):
    return selection.find_tickets(run, 0, load_dataset(run.data), folder_of)


def test_a_selection_keeps_one_sorted_byte_an_id_for_every_image():
    record = carry_out(SELECT)[0]
    found = tickets()
    assert found.train.shape == (64, 27)
    assert found.test.shape == (32, 27)
    assert isinstance(found.train, np.memmap)
    assert found.train.dtype == np.uint8
    assert (np.diff(found.train.astype(int)) > 0).all()
    assert record.metrics["patch_sparsity"] == pytest.approx(1 - 27 / 64)
    assert 0 <= record.metrics["accuracy_sparse"] <= 1


def test_stored_and_online_tickets_agree_on_images_as_they_are():
    carry_out(SELECT)
    selector = selection.Selector(SELECT, folder_of, CPU)
    loader = load_dataset(DENSE.data).train_loader(16, "none", 0, CPU)
    batch, stored = loader.batch(1), Stored(tickets().train, 64)
    assert torch.equal(stored.choose(batch.images, stored.kept(batch), 1), selector(batch.images))


def test_a_run_on_stored_tickets_is_the_run_with_the_selector_at_work_where_nothing_is_augmented():
    plain = replace(STUDENT, training=replace(STUDENT.training, augment="none"))
    stored, online = carry_out(plain, replace(plain, patches=replace(plain.patches, fixed=False)))
    assert stored.weights == online.weights
    augmented = carry_out(STUDENT, replace(STUDENT, patches=replace(STUDENT.patches, fixed=False)))
    assert augmented[0].weights != augmented[1].weights


def test_a_student_is_evaluated_on_whole_images_on_tickets_and_on_random_patches():
    metrics = carry_out(STUDENT)[0].metrics
    assert {"accuracy", "accuracy_sparse", "accuracy_random", "patch_sparsity"} <= metrics.keys()


def test_a_student_of_places_alone_does_not_see_the_pixels():
    run = replace(STUDENT, patches=replace(STUDENT.patches, blank=True))
    record = carry_out(run)[0]
    assert record.metrics["accuracy"] == pytest.approx(0.1, abs=0.1), "whole images all look the same"
    seen = []
    ids = torch.arange(3)[None]
    apply_blank(lambda model, images, ids: seen.append((images, ids)))(None, torch.randn(1, 3, 32, 32), ids)
    assert not seen[0][0].any()
    assert torch.equal(seen[0][1], ids)


def test_random_choice_changes_from_step_to_step_unless_it_is_fixed():
    batch = load_dataset(DENSE.data).train_loader(16, "none", 0, CPU).batch(0)
    fresh, again = Chance(64, 27, seed=0), Chance(64, 27, seed=0)
    assert torch.equal(fresh.choose(batch.images, None, 5), again.choose(batch.images, None, 5))
    assert not torch.equal(fresh.choose(batch.images, None, 5), fresh.choose(batch.images, None, 6))
    fixed = fixed_chance(64, 64, 27, seed=0)
    one, two = (fixed.choose(batch.images, fixed.kept(batch), step) for step in (5, 6))
    assert torch.equal(one, two)
    assert len(torch.unique(one, dim=0)) == 16, "each image has a subset of its own"
    assert Centre(16, 4).choose(batch.images, None, 0).tolist() == [[5, 6, 9, 10]] * 16


def test_an_untrained_selector_is_the_network_before_its_first_step():
    run = replace(SELECT, selector=Rewind(DENSE, 0))
    carry_out(run)
    selector = selection.Selector(run, folder_of, CPU)
    assert torch.equal(
        selector.model.state_dict()["head.weight"],
        load_tensors(folder_of(DENSE) / "epoch-0.safetensors")[0]["head.weight"],
    )


def test_a_selector_is_fine_tuned_from_the_dense_network_with_its_dropping_on():
    tuned = replace(DENSE, model=replace(VIT, keep_rate=0.75), start=Pretrained(DENSE))
    record = carry_out(SelectRun(tuned, 0.75, DENSE.data))[0]
    assert record.metrics["patch_sparsity"] > 0
    assert len(committed.find(tuned, 0).history) == 2, "the schedule starts afresh"


def damage(file):
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


def test_damaged_tickets_are_refused_with_the_command_that_makes_them_again():
    carry_out(SELECT)
    damage(folder_of(SELECT) / TICKETS_FILE)
    with pytest.raises(DamagedFile, match=f"repro compute {config.name(SELECT)} --seed 0 --refresh"):
        tickets()


def test_tickets_of_other_weights_or_data_are_refused():
    carry_out(SELECT)
    with pytest.raises(MismatchedTickets, match=r"data \w+, and \w+ is here; `repro compute"):
        selection.find_tickets(SELECT, 0, load_dataset(Data("digit-scenes", 48, 32)), folder_of)
    file = folder_of(DENSE) / "final.safetensors"
    file.write_bytes((folder_of(DENSE) / "epoch-0.safetensors").read_bytes())
    with pytest.raises(MismatchedTickets, match="selector"):
        tickets()


def test_damaged_tickets_are_made_again_when_a_run_needs_them(capsys):
    good = carry_out(SELECT)[0].tickets
    damage(folder_of(SELECT) / TICKETS_FILE)
    carry_out(STUDENT)
    assert "set aside" in capsys.readouterr().err
    assert committed.find(SELECT, 0).tickets == good


def test_the_shown_examples_need_neither_weights_nor_data():
    annotator = replace(DENSE, model=Model(width=4), training=replace(SHORT, snapshot_epochs=()))
    record = carry_out(ShowRun(DENSE, 0.75, annotator, DENSE.data, 3))[0]
    assert len(record.details["examples"]) == 3
    example = record.details["examples"][0]
    assert [len(ids) for ids in example["stages"]] == [48, 36, 27]
    assert len(example["random"]) == 27
    assert len(example["patch_labels"]) == len(example["patch_shares"]) == 64


def objective(run):
    loader = load_dataset(run.data).train_loader(16, "none", 0, CPU)
    return make_objective(run, 0, loader, tickets(), folder_of)


def test_networks_that_do_not_fit_their_ticket_are_refused():
    carry_out(SELECT)
    with pytest.raises(ConfigError, match="64 patches, this network into 16"):
        objective(replace(STUDENT, model=replace(VIT, patch_size=8)))
    with pytest.raises(ConfigError, match="annotator"):
        objective(replace(STUDENT, model=replace(VIT, name="lvvit")))


@pytest.mark.parametrize("fill", ["mean", "black"])
def test_swin_and_resnet_train_on_painted_images(fill):
    run = replace(STUDENT, model=Model(width=4), patches=replace(STUDENT.patches, fill=fill))
    assert carry_out(run)[0].metrics["patch_sparsity"] == pytest.approx(1 - 27 / 64)


def test_lvvit_learns_the_labels_of_the_patches_it_keeps():
    annotator = replace(DENSE, model=Model(width=4), training=replace(SHORT, snapshot_epochs=()))
    run = replace(STUDENT, model=replace(VIT, name="lvvit"), annotator=annotator)
    carry_out(run)
    token_labelling = objective(run)
    batch = load_dataset(run.data).train_loader(16, "none", 0, CPU).batch(0)
    calls = []

    def forward(images, ids, swap):
        calls.append((ids, swap))
        whole, parts = torch.zeros(16, 10), torch.zeros(16, ids.shape[1], 10)
        return whole.requires_grad_(), parts.requires_grad_()

    loss = token_labelling.loss(forward, batch, 0)
    uniform = 2 * np.log(10)  # once for the class, once for the patches
    assert loss.item() == pytest.approx(uniform, rel=1e-4)
    ids, swap = calls[0]
    own = as_mask(torch.from_numpy(tickets().train[batch.chosen.numpy()].astype(int)), 64)
    kept = torch.where(swap, own.flip(0), own)
    assert ((as_mask(ids, 64) - kept).abs().sum(1) <= (kept.sum(1) - 27).abs()).all(), (
        "the ticket is mixed as the map is"
    )


def test_more_than_256_patches_take_two_bytes_an_id(tmp_path):
    ids = torch.arange(300)[None].to(id_type(400))
    write_tickets(tmp_path / "t", torch.cat([ids, ids]), ids, 400, {"selector": "s"})
    found = open_tickets(tmp_path / "t", {"selector": "s"}, "again")
    assert found.train.dtype == np.uint16
    assert found.train[1].tolist() == list(range(300))
    assert found.random_test(0).shape == (1, 300)
