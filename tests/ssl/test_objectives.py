"""The objectives train a toy network as lightly's parts do, step by step (values: see lightly_values.py)."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch.nn.functional import normalize

from repro.config import DINO, MAE, MOCO_V2, ConfigError, MoCo, MoCoV3, SwAV
from repro.data.loader import Batch
from repro.models.patched import PatchNetwork
from repro.models.vit import fix_positions
from repro.ssl import mae
from repro.ssl.methods import make_objective
from repro.ssl.pretext import Collapsed, Plan, check_queue, entropy, information, rise, spread
from repro.ssl.probe import vote
from repro.ssl.sinkhorn import assign
from repro.training.objective import Learner
from tests.ssl.lightly_values import RATE, STEPS, shown_patches
from tests.ssl.toys import BATCH, WIDTH, Toy, fill, images, numbers, wave

LIGHTLY = json.loads((Path(__file__).parent / "lightly_values.json").read_text())
CPU = torch.device("cpu")
PLAN = Plan(seed=0, batch_size=BATCH, steps_per_epoch=2, steps=STEPS, precision="fp32", device=CPU)
LONG = PLAN._replace(steps_per_epoch=4)  # an epoch that fills a queue of 16
NARROW = {"hidden": 7, "outputs": 5, "momentum": 0.9, "frozen_stem": False}
TOY_DINO = DINO(outputs=9, hidden=8, bottleneck=5, temperature_epochs=3, momentum=0.9)


def close(found, expected):
    return found == pytest.approx(expected, rel=2e-4, abs=1e-4)


def batch_of(views):
    return Batch(views[0], torch.zeros(BATCH), torch.arange(BATCH), torch.zeros(BATCH, 4), tuple(views[1:]))


def train(objective, views_of, after=lambda: None):
    """Losses of so many steps of plain gradient descent, as the training loop takes them."""
    learner = Learner(objective.network, objective, "fp32", CPU)
    optimiser = torch.optim.SGD([p for p in learner.parameters() if p.requires_grad], RATE)
    losses = []
    for step in range(STEPS):
        loss = learner(batch_of(views_of(step)), step)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        objective.after_step(step)
        after()
        losses.append(loss.item())
    return losses


def two_views(step):
    return [images(step, view) for view in range(2)]


def toy(method):
    """An objective of a toy network whose weights, heads and teacher are lightly's toys."""
    network = PatchNetwork(fill(Toy()))
    objective = make_objective(network, method, LONG if isinstance(method, MoCo) else PLAN)
    fill(objective.state.head, 1.0)
    return objective, network.inner


def copy_teacher(objective):
    objective.state.teacher.head.load_state_dict(objective.state.head.state_dict())


@pytest.mark.parametrize("version", ["moco v1", "moco v2"])
def test_moco_learns_and_queues_as_lightly_does(version):
    method = MoCo(queue=16, outputs=5, momentum=0.9, temperature=0.07)
    if version == "moco v2":
        method = MoCo(queue=16, outputs=5, momentum=0.9, temperature=0.2, head="mlp")
    objective, network = toy(method)
    copy_teacher(objective)
    objective.state.queue.copy_(normalize(wave(16, 5, phase=5.0), dim=1))
    queues = []
    losses = train(objective, two_views, lambda: queues.append(numbers(objective.state.queue)))
    assert close(losses, LIGHTLY[version]["losses"])
    assert close(numbers(network.layer.weight), LIGHTLY[version]["weights"])
    for found, expected in zip(queues, LIGHTLY[version]["queues"], strict=True):
        assert close(found, expected)


def test_the_oldest_keys_give_way_once_the_queue_is_full():
    objective, _ = toy(MoCo(queue=16, outputs=5))
    queues = [objective.state.queue.clone()]
    train(objective, two_views, lambda: queues.append(objective.state.queue.clone()))
    changed = [(a != b).any(dim=1).nonzero()[:, 0].tolist() for a, b in itertools.pairwise(queues)]
    assert changed == [list(range(place, place + 4)) for place in (0, 4, 8, 12, 0, 4)]


def test_moco_v3_learns_as_lightly_does():
    objective, network = toy(MoCoV3(**NARROW))
    fill(objective.state.predictor, 2.0)
    copy_teacher(objective)
    assert close(train(objective, two_views), LIGHTLY["moco v3"]["losses"])
    assert close(numbers(network.layer.weight), LIGHTLY["moco v3"]["weights"])
    teacher = objective.state.teacher.network.inner
    assert close(numbers(teacher.layer.weight), LIGHTLY["moco v3"]["teacher"])


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("dino", TOY_DINO),
        (
            "dino, free scale, norms inside",
            DINO(9, 8, 5, "inside", fixed_scale=False, temperature_epochs=3, momentum=0.9),
        ),
    ],
)
def test_dino_learns_and_moves_its_centre_as_lightly_does(name, method):
    objective, network = toy(method)
    fill(objective.state.head.layers, 1.0)
    head = objective.state.head
    head.directions.data.copy_(wave(9, 5, phase=3.0))
    if head.scale is not None:
        head.scale.data.fill_(1.0)
    copy_teacher(objective)
    centres = []
    losses = train(
        objective,
        lambda step: [images(step, view) for view in range(4)],
        lambda: centres.append(numbers(objective.state.centre)),
    )
    assert close(losses, LIGHTLY[name]["losses"])
    assert close(numbers(network.layer.weight), LIGHTLY[name]["weights"])
    assert close(numbers(objective.learned.layer.weight), LIGHTLY[name]["teacher"])
    for found, expected in zip(centres, LIGHTLY[name]["centres"], strict=True):
        assert close(found, expected)


def test_swav_learns_with_prototypes_and_a_queue_as_lightly_does():
    method = SwAV(hidden=8, outputs=5, prototypes=7, queue=8, queue_epochs=0.5)
    objective, network = toy(method)
    objective.state.prototypes.data.copy_(normalize(wave(7, 5, phase=3.0), dim=1))
    losses = train(objective, lambda step: [images(step, view) for view in range(3)])
    assert close(losses, LIGHTLY["swav"]["losses"])
    assert close(numbers(network.layer.weight), LIGHTLY["swav"]["weights"])
    assert close(numbers(objective.state.prototypes), LIGHTLY["swav"]["prototypes"])


@pytest.mark.parametrize("rounds", [1, 3, 10])
def test_assignments_are_lightlys_and_sum_as_they_should(rounds):
    shares = assign(wave(6, 4), 0.05, rounds)
    assert close(numbers(shares), LIGHTLY["sinkhorn"][str(rounds)])
    assert torch.allclose(shares.sum(1), torch.ones(6), atol=1e-5)
    assert torch.allclose(assign(wave(6, 4), 0.5, 50).sum(0), torch.full((4,), 6 / 4), atol=1e-4)


def test_assignments_of_large_scores_are_numbers():
    assert assign(200 * wave(6, 4), 0.05).isfinite().all()


def tiny_vit():
    return fill(VisionTransformer(img_size=8, patch_size=2, embed_dim=8, depth=2, num_heads=2, num_classes=0))


def test_mae_learns_as_lightly_does(monkeypatch):
    vit = tiny_vit()
    fix_positions(vit.pos_embed)
    objective = make_objective(PatchNetwork(vit), MAE(width=12, depth=2, heads=3), PLAN)
    decoder = objective.state.decoder
    assert close(numbers(decoder.positions), LIGHTLY["mae"]["positions"])
    fill_decoder(decoder)
    kept = shown_patches()[0][:, 1:] - 1
    monkeypatch.setattr(objective.chance, "choose", lambda *_: kept)
    losses = train(objective, lambda step: [wave(BATCH, 3, 8, 8, phase=0.9 * step)])
    assert close(losses, LIGHTLY["mae"]["losses"])
    assert close(numbers(vit.patch_embed.proj.weight), LIGHTLY["mae"]["weights"])


def fill_decoder(decoder):
    """The weights that lightly's decoder was given: its own parameters come first, then those of its layers."""
    with torch.no_grad():
        decoder.mask_token.copy_(wave(1, 1, 12, phase=1.0, scale=0.1))
    layers = torch.nn.ModuleList([decoder.embed, decoder.blocks, decoder.predict])
    fill(layers, 2.0)


@pytest.mark.parametrize(("share", "kept"), LIGHTLY["mae"]["kept of 16"].items())
def test_mae_shows_as_many_patches_as_lightly_does_and_others_at_every_step(share, kept):
    objective = make_objective(PatchNetwork(tiny_vit()), MAE(mask_share=float(share), width=12, depth=1, heads=3), PLAN)
    first, again, second = (objective.chance.choose(torch.zeros(BATCH, 3, 8, 8), None, step) for step in (0, 0, 1))
    assert first.shape == (BATCH, kept)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_the_loss_of_mae_is_that_of_masked_patches_alone():
    shown, targets = torch.tensor([[0, 2]]), wave(1, 4, 3)
    predicted = targets.clone()
    predicted[0, [0, 2]] += 9.0
    assert mae.masked_error(predicted, targets, shown) == 0
    predicted[0, 1] += 2.0
    assert mae.masked_error(predicted, targets, shown) == pytest.approx(2.0)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_neighbours_vote_as_in_lightly(k):
    known, labels = wave(40, 6), torch.arange(40) % 5
    found = vote((known, labels), wave(15, 6, phase=1.0), 5, k, 0.07)
    assert found.tolist() == LIGHTLY["neighbours"][str(k)]


def test_momentum_rises_by_a_cosine():
    assert close([rise(0.99, step, 10) for step in range(11)], LIGHTLY["momentum"])


METHODS = {
    "moco": MoCo(queue=16, outputs=5),
    "moco v3": MoCoV3(**NARROW),
    "dino": TOY_DINO,
    "swav": SwAV(hidden=8, outputs=5, prototypes=7),
}


@pytest.mark.parametrize("name", ["moco", "moco v3", "dino"])
def test_no_gradient_reaches_teachers_keys_and_targets(name):
    objective, network = toy(METHODS[name])
    views = [view.requires_grad_() for view in two_views(0)]
    Learner(objective.network, objective, "fp32", CPU)(batch_of(views), 0).backward()
    assert all(p.grad is None and not p.requires_grad for p in objective.state.teacher.parameters())
    assert network.layer.weight.grad.abs().sum() > 0
    reached = [view.grad is not None and bool(view.grad.abs().sum()) for view in views]
    assert reached == [True, name != "moco"], "the second view of MoCo is a key alone"


def test_the_last_layer_of_dino_and_the_prototypes_are_frozen_for_the_first_epoch():
    for name, weight in (("dino", "head.directions"), ("swav", "prototypes")):
        objective, _ = toy(METHODS[name])
        moved, held = [], objective.state.get_parameter(weight)
        seen = [held.detach().clone()]

        def note(held=held, seen=seen, moved=moved):
            moved.append(not torch.allclose(held, seen[-1], atol=1e-7))
            seen.append(held.detach().clone())

        train(objective, two_views, note)
        assert moved == [False, False, True, True, True, True], name


def test_measures_say_how_far_apart_features_and_targets_are():
    assert spread(torch.ones(8, 5)) < 1e-6
    assert spread(torch.zeros(8, 5)) < 1e-6
    assert spread(torch.cat([torch.eye(5), -torch.eye(5)])) == pytest.approx(1)
    even, same, own = torch.full((6, 6), 1 / 6), torch.eye(6)[[0] * 6], torch.eye(6)
    assert information(even) == pytest.approx(0, abs=1e-6)
    assert information(same) == pytest.approx(0, abs=1e-6)
    assert information(own) == pytest.approx(entropy(torch.full((6,), 1 / 6)).item())


@pytest.mark.parametrize("name", METHODS)
def test_a_collapse_is_an_error_that_names_the_mend(name):
    objective, network = toy(METHODS[name])
    learner = Learner(objective.network, objective, "fp32", CPU)
    network.layer.weight.data.zero_()  # every image looks the same
    if name == "dino":
        objective.learned.layer.weight.data.zero_()
    learner(batch_of(two_views(0)), 1000)
    with pytest.raises(Collapsed, match=r"collapsed: .* at step 1000, below .*keep_collapsed"):
        objective.check()
    learner(batch_of(two_views(0)), 10)
    objective.check()  # too early to tell
    objective.keep_collapsed = True
    learner(batch_of(two_views(0)), 1000)
    objective.check()


def test_a_queue_longer_than_the_data_or_of_parts_of_batches_is_refused():
    with pytest.raises(ConfigError, match="a queue of 12 holds images more than once where an epoch shows 8"):
        check_queue(12, PLAN)
    with pytest.raises(ConfigError, match="queue 6 must be a multiple of the batch of 4"):
        check_queue(6, PLAN)


def test_methods_that_do_not_fit_a_network_are_refused():
    network = PatchNetwork(fill(Toy()))
    with pytest.raises(ConfigError, match="Toy cannot be trained as MAE"):
        make_objective(network, MAE(), PLAN)
    with pytest.raises(ConfigError, match="set frozen_stem=False"):
        make_objective(network, MoCoV3(), PLAN)


def test_keys_of_a_network_with_norms_are_normalised_in_shuffled_groups():
    class Normed(Toy):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(WIDTH)

        def forward(self, images):
            seen.append(len(images))
            return self.norm(super().forward(images))

    seen = []
    objective = make_objective(PatchNetwork(fill(Normed())), MoCo(queue=16, outputs=5, groups=2), LONG)
    keys = [objective.make_keys(images(0, 1), step) for step in (0, 0, 1)]
    assert seen == [2] * 6
    assert torch.equal(keys[0], keys[1])
    assert not torch.allclose(keys[0], keys[2])
    whole = make_objective(PatchNetwork(fill(Normed())), MoCo(queue=16, outputs=5, groups=1), LONG)
    fill(whole.state.teacher.head, 1.0)
    alone = normalize(whole.state.teacher.head(whole.state.teacher.network(images(0, 1))), dim=1)
    assert torch.allclose(whole.make_keys(images(0, 1), 0), alone, atol=1e-6), "each key in its image's place"
    with pytest.raises(ConfigError, match="makes no 4 groups of keys"):
        make_objective(PatchNetwork(fill(Normed())), MoCo(queue=16, outputs=5, groups=4), LONG)


def test_mocos_second_version_differs_in_head_and_temperature():
    assert (MOCO_V2.head, MOCO_V2.temperature, MOCO_V2.queue) == ("mlp", 0.2, MoCo().queue)
