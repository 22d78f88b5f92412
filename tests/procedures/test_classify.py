import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repro import paths
from repro.config import SampleTicket, TextRun, Texts, TextTraining
from repro.config.checks import ConfigError
from repro.data import content, text
from repro.data.text import load_texts
from repro.models import bag_of_words
from repro.models.bag_of_words import BagOfWords, LearningRate
from repro.procedures import classify as texts
from repro.runs import schedule, store
from repro.training.checkpoint import load_tensors, save_tensors
from tests.conftest import forget

SHORT = (TextTraining(epochs=2, batch_size=8), TextTraining(epochs=2, batch_size=16))
NEWS = Texts("ag-news")
FULL = TextRun(NEWS, SHORT)


@pytest.fixture(autouse=True)
def news(monkeypatch):
    """Eighty training and eight test texts in the published layout; a word tells the class."""
    monkeypatch.setenv(content.ALLOW, "1")
    folder = paths.data() / text.FOLDER
    folder.mkdir(parents=True)
    for name, count in ((text.TRAIN_FILE, 80), (text.TEST_FILE, 8)):
        rows = [f'"{n % 4 + 1}","{text.NEWS_CLASSES[n % 4]}","text {n}"' for n in range(count)]
        (folder / name).write_text("\n".join(rows))


def on(choice, *sources, draw=0):
    return replace(FULL, ticket=SampleTicket(choice, draw, sources=sources))


def rates(config, accuracies):
    """The rate of every epoch, given the accuracy after each."""
    rate, found = LearningRate(config), [config.learning_rate]
    for epoch, accuracy in enumerate(accuracies, start=1):
        rate.end_epoch(epoch, accuracy)
        found.append(rate.now)
    return found, rate.drops


def test_the_rate_falls_only_after_an_epoch_below_the_best():
    # .8 is below .9, the best, so the rate falls after epoch 3; .85 is above .8 but still below .9, so it falls again;
    # .9 equals the best and .95 beats it, so it stays.
    found, drops = rates(TextTraining(), [0.5, 0.9, 0.8, 0.85, 0.9, 0.95])
    assert found == pytest.approx([5, 5, 5, 0.5, 0.05, 0.05, 0.05])
    assert drops == [3, 4]


def test_the_cosine_ends_at_zero_whatever_the_accuracy():
    found, drops = rates(TextTraining(schedule="cosine", epochs=4), [0.9, 0.1, 0.9, 0.1])
    half = 5 * (1 + math.cos(math.pi / 4)) / 2
    assert found == pytest.approx([5, half, 2.5, 5 - half, 0])
    assert drops == []


def test_a_step_with_sparse_gradients_is_that_of_torchs_own_clipping_on_dense_ones():
    bags, ids = load_texts(NEWS).train, torch.tensor([3, 0, 3, 5])
    ours, dense = BagOfWords(100, 4, 8, seed=0), BagOfWords(100, 4, 8, seed=0)
    dense.embedding.sparse = False
    before = ours.embedding.weight.detach().clone()
    bag_of_words.take_step(ours, torch.optim.SGD(ours.parameters(), lr=5.0), bags, ids, clip_norm=0.1)
    nn.functional.cross_entropy(dense(*bags.take(ids)), bags.labels[ids]).backward()
    norm = nn.utils.clip_grad_norm_(dense.parameters(), 0.1)
    torch.optim.SGD(dense.parameters(), lr=5.0).step()
    assert norm > 0.1, "the gradient is long enough to be clipped"
    for one, other in zip(ours.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(ours.embedding.weight, before)


def test_a_short_gradient_is_not_scaled():
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([0.03, 0.04])
    bag_of_words.clip([parameter], 0.1)
    assert parameter.grad.tolist() == pytest.approx([0.03, 0.04])


def test_weights_start_uniform_and_depend_on_the_seed_alone():
    one, same, other = (BagOfWords(50, 4, 8, seed=s) for s in (0, 0, 1))
    assert torch.equal(one.embedding.weight, same.embedding.weight)
    assert not torch.equal(one.embedding.weight, other.embedding.weight)
    assert one.embedding.weight.abs().max() <= 0.5
    assert one.embedding.weight.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.1)
    assert one.linear.bias.abs().max() == 0


def test_a_row_learns_and_is_the_same_again():
    run = replace(FULL, trainings=(TextTraining(batch_size=8),))
    record = schedule.get_or_compute([(run, 0)])[0]
    assert record.metrics["accuracy_C1"] > 0.9, "a word tells the class"
    assert record.metrics["texts"] == 80
    first = load_tensors(store.folder(run, 0) / texts.LOSSES_FILE)[0]
    forget((run, 0))
    assert schedule.get_or_compute([(run, 0)])[0].metrics == record.metrics
    again = load_tensors(store.folder(run, 0) / texts.LOSSES_FILE)[0]
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_split_keeps_a_twentieth_to_steer_by():
    train, valid = texts.split_texts(torch.arange(80), seed=0)
    assert (len(train), len(valid)) == (76, 4)
    assert sorted([*train.tolist(), *valid.tolist()]) == list(range(80))


def test_a_full_row_leaves_every_loss_and_says_which_texts_it_held_out():
    schedule.get_or_compute([(FULL, 0)])
    kept = load_tensors(store.folder(FULL, 0) / texts.LOSSES_FILE)[0]
    assert kept["losses"].shape == kept["correct"].shape == (2, 80)
    assert kept["ids"].tolist() == list(range(80))
    assert kept["held"].nonzero().flatten().tolist() == sorted(texts.split_texts(torch.arange(80), 0)[1].tolist())


def test_losses_out_of_fold_are_those_of_models_that_did_not_see_the_text():
    halves = tuple(replace(FULL, half=half) for half in (1, 2))
    schedule.get_or_compute([(half, 0) for half in halves])
    first, second = (load_tensors(store.folder(half, 0) / texts.LOSSES_FILE)[0] for half in halves)
    trained_on = texts.halves(80, 0)
    assert first["ids"].tolist() == trained_on[1].tolist()
    assert second["ids"].tolist() == trained_on[0].tolist()
    losses, _, held = texts.read_losses(SampleTicket("ordered", sources=halves), 80, lambda run: store.folder(run, 0))
    assert held.all()
    assert losses[:, trained_on[1].numpy()] == pytest.approx(first["losses"].numpy())


def test_one_half_alone_is_not_enough_to_choose_by():
    half = replace(FULL, half=1)
    schedule.get_or_compute([(half, 0)])
    with pytest.raises(schedule.RunFailed, match="leave 40 of 80 texts without a loss"):
        schedule.get_or_compute([(on("ordered", half), 0)])


def test_a_ticket_by_losses_takes_the_texts_whose_losses_have_the_order(tmp_path):
    # Of 80 texts a tenth is 8. C1 is right on all held-out texts and C2 on none, so C1 is the better one; its loss is
    # lower on texts 10 to 17 alone.
    losses = torch.tensor([[0.5] * 80, [0.4] * 80])
    losses[0, 10:18] = 0.3
    correct = torch.tensor([[True] * 80, [False] * 80])
    correct[1, 20:28] = True
    held = torch.zeros(80, dtype=torch.bool)
    held[:4] = True
    found = {"ids": torch.arange(80), "losses": losses, "correct": correct, "held": held}
    save_tensors(tmp_path / texts.LOSSES_FILE, found)
    labels = np.arange(80) % 4
    ids, said = texts.choose(SampleTicket("ordered", sources=(FULL,)), 0, labels, lambda run: tmp_path)
    assert ids.tolist() == list(range(10, 18))
    assert said == {"order": ["C1", "C2"], "consistent": 8}
    ids, said = texts.choose(SampleTicket("agreed", sources=(FULL,)), 0, labels, lambda run: tmp_path)
    assert ids.tolist() == list(range(20, 28))
    assert said["consistent"] == 8


def test_a_row_on_a_ticket_trains_on_its_texts_only_and_needs_its_sources():
    run = on("ordered", FULL)
    record = schedule.get_or_compute([(run, 0)])[0]
    assert store.find_local(FULL, 0) is not None
    assert record.metrics["texts"] == 8 == sum(record.details["selection"]["classes"])
    assert not (store.folder(run, 0) / texts.LOSSES_FILE).exists()


def test_draws_and_seeds_change_a_random_ticket():
    chosen = {
        tuple(texts.choose(SampleTicket("random", draw), seed, np.zeros(80, int), None)[0])
        for draw in (0, 1)
        for seed in (0, 1)
    }
    assert len(chosen) == 4


def test_damaged_losses_are_made_again():
    schedule.get_or_compute([(FULL, 0)])
    file = store.folder(FULL, 0) / texts.LOSSES_FILE
    good = file.read_bytes()
    file.write_bytes(good[:-1])
    schedule.get_or_compute([(on("agreed", FULL), 0)])
    assert file.read_bytes() == good


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SampleTicket("ordered"), "a choice by losses needs sources, a random one has none; got 'ordered'"),
        (lambda: SampleTicket("random", sources=(FULL,)), "got 'random'"),
        (lambda: SampleTicket("random", share=0), "share must lie above 0 and at most at 1; got 0"),
        (lambda: SampleTicket("best"), "choice must be one of random, stratified, ordered, agreed; got 'best'"),
        (lambda: replace(on("random"), half=1), "takes no ticket"),
        (lambda: TextTraining(epochs=0), "must be at least 1"),
        (lambda: TextTraining(schedule="step"), "schedule must be one of plateau, cosine"),
    ],
)
def test_configs_that_make_no_sense_are_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
