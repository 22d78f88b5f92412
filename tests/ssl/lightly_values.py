"""Values of lightly 1.6.0's losses, heads and helpers on the toys of this folder, for the tests beside it.

They were made once, with torch 2.13.0 on a CPU, by

    pip install --no-deps --target /tmp/lightly lightly==1.6.0 lightly-utils aenum
    PYTHONPATH=src:.:/tmp/lightly python -m tests.ssl.lightly_values > tests/ssl/lightly_values.json

lightly is not needed to run the tests. Every method is a short training of a toy network: its loss after every step,
and the weights, queues and centres it ends with.
"""

import copy
import json
import runpy
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import normalize

from repro.compat import mend_torchvision
from tests.ssl.toys import BATCH, WIDTH, Toy, fill, images, numbers, wave

STEPS, RATE = 6, 0.05


def follow(pairs, momentum):
    from lightly.models.utils import update_momentum

    for module, teacher in pairs:
        update_momentum(module, teacher, m=momentum)


def train(modules, loss_of, after=lambda step: None):
    """Losses of so many steps of plain gradient descent."""
    weights = [p for m in modules for p in m.parameters() if p.requires_grad]
    optimiser, losses = torch.optim.SGD(weights, RATE), []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(step)
        loss.backward()
        optimiser.step()
        after(step)
        losses.append(loss.item())
    return losses


def frozen(module):
    from lightly.models.utils import deactivate_requires_grad

    copied = copy.deepcopy(module)
    deactivate_requires_grad(copied)
    return copied


def moco(head, temperature):
    """Versions 1 and 2: the queue of 16 keys wraps after four steps of four."""
    from lightly.loss import NTXentLoss

    network, head = fill(Toy()), fill(head, 1.0)
    teacher, teacher_head = frozen(network), frozen(head)
    loss = NTXentLoss(temperature=temperature, memory_bank_size=(16, 5))
    loss.memory_bank.bank.copy_(normalize(wave(16, 5, phase=5.0), dim=1))
    loss.memory_bank.bank_ptr.zero_()
    queues = []

    def loss_of(step):
        follow([(network, teacher), (head, teacher_head)], 0.9)
        found = loss(head(network(images(step, 0))), teacher_head(teacher(images(step, 1))))
        queues.append(numbers(loss.memory_bank.bank))
        return found

    losses = train([network, head], loss_of)
    return {"losses": losses, "weights": numbers(network.layer.weight), "queues": queues}


def moco_v1():
    return moco(nn.Linear(WIDTH, 5), 0.07)


def moco_v2():
    from lightly.models.modules.heads import MoCoProjectionHead

    return moco(MoCoProjectionHead(WIDTH, WIDTH, 5), 0.2)


def moco_v3():
    """lightly has no loss of its own for it: its loss with a memory bank, image by image, the bank the other keys."""
    from lightly.loss import NTXentLoss
    from lightly.models.modules.heads import MoCoProjectionHead
    from lightly.utils.scheduler import cosine_schedule

    network = fill(Toy())
    head = fill(MoCoProjectionHead(WIDTH, 7, 5, num_layers=3, batch_norm=True), 1.0)
    predictor = fill(MoCoProjectionHead(5, 7, 5, num_layers=2, batch_norm=True), 2.0)
    for layers in (head, predictor):
        layers.layers[-1].requires_grad_(False)  # the authors' last norm has no weights
    teacher, teacher_head = frozen(network), frozen(head)

    def contrast(queries, keys):
        losses = []
        for place in range(BATCH):
            loss = NTXentLoss(temperature=0.2, memory_bank_size=(BATCH - 1, 5))
            others = torch.cat([keys[:place], keys[place + 1 :]])
            loss.memory_bank.bank.copy_(normalize(others, dim=1))
            loss.memory_bank.bank_ptr.zero_()
            losses.append(loss(queries[place][None], keys[place][None]))
        return 2 * 0.2 * torch.stack(losses).mean()

    def loss_of(step):
        queries = [predictor(head(network(images(step, view)))) for view in (0, 1)]
        with torch.no_grad():
            keys = [teacher_head(teacher(images(step, view))) for view in (0, 1)]
        return contrast(queries[0], keys[1]) + contrast(queries[1], keys[0])

    def after(step):
        momentum = cosine_schedule(step, STEPS + 1, 0.9, 1.0)
        follow([(network, teacher), (head, teacher_head)], momentum)

    losses = train([network, head, predictor], loss_of, after)
    return {"losses": losses, "weights": numbers(network.layer.weight), "teacher": numbers(teacher.layer.weight)}


def dino(batch_norm, norm_last_layer):
    """Two global and two local views, a warm-up of three epochs of two steps, the last layer frozen for one."""
    from lightly.loss import DINOLoss
    from lightly.models.modules.heads import DINOProjectionHead
    from lightly.utils.scheduler import cosine_schedule

    def make_head():
        made = DINOProjectionHead(WIDTH, 8, 5, 9, batch_norm, freeze_last_layer=1, norm_last_layer=norm_last_layer)
        fill(made.layers, 1.0)
        made.last_layer.weight_v.data.copy_(wave(9, 5, phase=3.0))
        return made

    network, head, teacher_head = fill(Toy()), make_head(), make_head().requires_grad_(False)
    teacher = frozen(network)
    loss = DINOLoss(9, 0.04, 0.07, 3, 0.1, 0.9)
    centres = []

    def loss_of(step):
        views = [images(step, view) for view in range(4)]
        student = head(network(torch.cat(views))).chunk(4)
        with torch.no_grad():
            targets = teacher_head(teacher(torch.cat(views[:2]))).chunk(2)
        found = loss(list(targets), list(student), epoch=step // 2)
        centres.append(numbers(loss.center))
        return found

    def after(step):
        follow([(network, teacher), (head, teacher_head)], cosine_schedule(step, STEPS + 1, 0.9, 1.0))

    frozen_weights = [head.last_layer.weight_v, head.last_layer.weight_g]
    starts = [w.detach().clone() for w in frozen_weights]

    def after_freezing(step):
        if step < 2:  # what cancelling the gradients does, as the optimiser here would still see them
            for weight, start in zip(frozen_weights, starts, strict=True):
                weight.data.copy_(start)
        after(step)

    losses = train([network, head], loss_of, after_freezing)
    return {
        "losses": losses,
        "weights": numbers(network.layer.weight),
        "teacher": numbers(teacher.layer.weight),
        "centres": centres,
    }


def swav():
    """Two global and one local view; prototypes frozen for two steps; a queue of eight used from the fourth step."""
    from lightly.loss import SwaVLoss
    from lightly.models.modules.heads import SwaVProjectionHead, SwaVPrototypes

    network, head = fill(Toy()), fill(SwaVProjectionHead(WIDTH, 8, 5), 1.0)
    prototypes = SwaVPrototypes(5, 7)
    with torch.no_grad():
        prototypes.heads[0].weight.copy_(wave(7, 5, phase=3.0))
        prototypes.heads[0].bias.zero_()
    prototypes.heads[0].bias.requires_grad_(False)
    loss, queue, frozen_weight = SwaVLoss(0.1, 3, 0.05), [], prototypes.heads[0].weight

    def loss_of(step):
        prototypes.normalize()
        frozen_weight.requires_grad_(True)
        outputs = normalize(head(network(torch.cat([images(step, view) for view in range(3)]))), dim=1)
        scores = prototypes(outputs).chunk(3)
        earlier = None
        if step >= 3:
            stacked = [torch.cat([entry[view] for entry in queue[-2:]]) for view in (0, 1)]
            earlier = [prototypes(part).detach() for part in stacked]
        queue.append([part.detach() for part in outputs.chunk(3)[:2]])
        loss_of.start = frozen_weight.detach().clone()
        return loss(list(scores[:2]), [scores[2]], earlier).squeeze()

    def after(step):
        if step < 2:
            frozen_weight.data.copy_(loss_of.start)

    losses = train([network, head, prototypes], loss_of, after)
    return {
        "losses": losses,
        "weights": numbers(network.layer.weight),
        "prototypes": numbers(normalize(prototypes.heads[0].weight, dim=1)),
    }


def sinkhorn():
    from lightly.loss.swav_loss import sinkhorn

    return {str(rounds): numbers(sinkhorn(wave(6, 4), rounds, 0.05)) for rounds in (1, 3, 10)}


def mae():
    """A ViT that is shown some patches, and its decoder."""

    from lightly.models import utils
    from lightly.models.modules import MAEDecoderTIMM, MaskedVisionTransformerTIMM
    from timm.models.vision_transformer import VisionTransformer

    vit = VisionTransformer(img_size=8, patch_size=2, embed_dim=8, depth=2, num_heads=2, num_classes=0)
    encoder = MaskedVisionTransformerTIMM(vit)
    fill(vit)
    utils.initialize_2d_sine_cosine_positional_embedding(vit.pos_embed)
    decoder = MAEDecoderTIMM(16, 2, 3, 8, 12, 2, 3)
    sines = decoder.decoder_pos_embed.detach().clone()
    fill(decoder, 1.0)
    decoder.decoder_pos_embed.data.copy_(sines)
    kept, masked = shown_patches()
    losses = []
    weights = [p for m in (encoder, decoder) for p in m.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(weights, RATE)
    for step in range(STEPS):
        batch = wave(BATCH, 3, 8, 8, phase=0.9 * step)
        tokens = decoder.embed(encoder.encode(batch, idx_keep=kept))
        filled = utils.repeat_token(decoder.mask_token, (BATCH, 17))
        filled = utils.set_at_index(filled, kept, tokens.type_as(filled))
        predicted = utils.get_at_index(decoder.predict(decoder.decode(filled)), masked)
        targets = utils.get_at_index(utils.patchify(batch, 2), masked - 1)
        loss = nn.functional.mse_loss(predicted, utils.normalize_mean_var(targets))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    counts = {str(share): utils.random_token_mask((2, 17), share)[0].shape[1] - 1 for share in (0.25, 0.5, 0.6, 0.75)}
    return {
        "losses": losses,
        "weights": numbers(vit.patch_embed.proj.weight),
        "positions": numbers(sines),
        "kept of 16": counts,
    }


def shown_patches():
    """Tokens kept and masked of 17, (4, 5) and (4, 12), the class token kept."""
    order = wave(BATCH, 16, phase=7.0).argsort(dim=1) + 1
    kept = torch.cat([torch.zeros(BATCH, 1, dtype=torch.long), order[:, :4].sort(dim=1).values], dim=1)
    return kept, order[:, 4:].sort(dim=1).values


def neighbours():
    # Its package imports pytorch_lightning, the file does not.
    file = Path(lightly.__file__).parent / "utils" / "benchmarking" / "knn.py"
    found = runpy.run_path(str(file))["knn_predict"]
    known, queries, labels = (
        normalize(wave(40, 6), dim=1),
        normalize(wave(15, 6, phase=1.0), dim=1),
        torch.arange(40) % 5,
    )
    return {str(k): found(queries, known.T, labels, 5, k, 0.07)[:, 0].tolist() for k in (1, 5, 20)}


def momentum():
    from lightly.utils.scheduler import cosine_schedule

    return [cosine_schedule(step, 11, 0.99, 1.0) for step in range(11)]


if __name__ == "__main__":
    mend_torchvision()
    import lightly

    torch.manual_seed(0)
    found = {
        "lightly": lightly.__version__,
        "moco v1": moco_v1(),
        "moco v2": moco_v2(),
        "moco v3": moco_v3(),
        "dino": dino(False, True),
        "dino, free scale, norms inside": dino(True, False),
        "swav": swav(),
        "sinkhorn": sinkhorn(),
        "mae": mae(),
        "neighbours": neighbours(),
        "momentum": momentum(),
    }
    json.dump(found, sys.stdout, indent=None, separators=(",", ":"))
