import pytest
import torch

from repro.config import Model
from repro.models import build_model
from repro.tickets import weights


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return build_model(Model())


@pytest.fixture(scope="module")
def deit_small():
    return build_model(Model("deit_small_patch16_224", classes=1000))


def tensors(model, scope):
    named = dict(model.named_parameters())
    return {name: named[name] for name in weights.prunable_names(named, scope)}


def test_convs_of_resnet20_are_the_weights_the_authors_prune(resnet):
    assert sum(w.numel() for w in tensors(resnet, "convs").values()) == 269_824


def test_shares_of_deit_small(deit_small):
    total = sum(p.numel() for p in deit_small.parameters())
    sizes = {s: sum(w.numel() for w in tensors(deit_small, s).values()) for s in ("msa", "mlp", "msa-mlp")}
    assert total == 22_050_664
    assert sizes["msa"] / total == pytest.approx(0.321, abs=5e-4)
    assert sizes["mlp"] / total == pytest.approx(0.642, abs=5e-4)
    assert sizes["msa-mlp"] == sizes["msa"] + sizes["mlp"]


def test_sparsity_of_the_model_as_sparsity_of_a_scope(deit_small):
    assert weights.scope_sparsity(0.12, deit_small, "msa") == pytest.approx(0.374, abs=1e-3)
    assert weights.scope_sparsity(0.71, deit_small, "msa-mlp") == pytest.approx(0.737, abs=1e-3)
    with pytest.raises(ValueError, match="holds less"):
        weights.scope_sparsity(0.5, deit_small, "msa")


def test_imp_reaches_the_sparsities_of_table_2():
    found = [round(weights.imp_sparsity(n), 3) for n in (1, 2, 8, 11, 13, 14)]
    assert found == [0.2, 0.36, 0.832, 0.914, 0.945, 0.956]


@pytest.mark.parametrize("layout", ["global", "layerwise"])
@pytest.mark.parametrize("wanted", [0.0, 0.2, 0.832, 0.956, 1.0])
def test_sparsity_is_met_to_the_weight(resnet, layout, wanted):
    chosen = tensors(resnet, "convs")
    mask = weights.magnitude_mask(chosen, wanted, layout=layout)
    kept = {name: int(m.sum()) for name, m in mask.items()}
    if layout == "global":
        assert sum(kept.values()) == round((1 - wanted) * 269_824)
    else:
        assert all(kept[name] == round((1 - wanted) * w.numel()) for name, w in chosen.items())


def test_ties_do_not_change_the_count():
    mask = weights.magnitude_mask({"w": torch.ones(10)}, 0.3)
    assert int(mask["w"].sum()) == 7


@pytest.mark.parametrize("wanted", [0.0, 0.37, 0.5, 0.9, 1.0])
def test_selection_keeps_what_a_sort_would_keep_ties_in_their_own_order(wanted):
    torch.manual_seed(0)
    weight = torch.randn(1000).round(decimals=1)  # with many ties
    within = {"w": torch.rand(1000) < 0.7}
    order = weight.abs().masked_fill(~within["w"], -1.0).argsort(descending=True, stable=True)
    expected = torch.zeros(1000, dtype=torch.bool)
    expected[order[: round((1 - wanted) * 1000)]] = True
    assert torch.equal(weights.magnitude_mask({"w": weight}, wanted, within=within)["w"], expected & within["w"])


def test_the_largest_weights_are_kept_across_layers():
    small, large = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([[-5.0, 0.05], [6.0, 7.0]])
    mask = weights.magnitude_mask({"a": small, "b": large}, 4 / 7)
    assert mask["a"].tolist() == [False, False, False]
    assert mask["b"].tolist() == [[True, False], [True, True]]


def test_a_mask_never_grows_back(resnet):
    chosen = tensors(resnet, "convs")
    first = weights.magnitude_mask(chosen, 0.8)
    elsewhere = {name: torch.randn_like(w) for name, w in chosen.items()}
    second = weights.magnitude_mask(elsewhere, 0.9, within=first)
    assert all(bool((second[name] <= first[name]).all()) for name in first)
    assert weights.sparsity(second) == pytest.approx(0.9, abs=1e-5)
    # Asked for more weights than the first mask holds, it gives those.
    assert weights.sparsity(weights.magnitude_mask(elsewhere, 0.5, within=first)) == weights.sparsity(first)


def test_masked_weights_stay_zero_through_momentum_and_weight_decay(resnet):
    model = build_model(Model(width=4))
    chosen = tensors(model, "convs")
    mask = weights.magnitude_mask(chosen, 0.7)
    zero_masked = weights.mask_applier(model, mask)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    zero_masked()
    for _ in range(4):
        model(torch.randn(8, 3, 32, 32)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        zero_masked()
    named = dict(model.named_parameters())
    assert all(bool((named[n][~m] == 0).all()) for n, m in mask.items())
    assert all(bool((named[n][m] != 0).all()) for n, m in mask.items())


def test_unknown_scope_names_the_known_ones(resnet):
    with pytest.raises(ValueError, match="convs, msa"):
        weights.prunable_names(["x"], "heads")
    with pytest.raises(ValueError, match="no weight in scope"):
        weights.prunable_names(dict(resnet.named_parameters()), "msa")


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_sparsity_outside_its_range_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        weights.magnitude_mask({"w": torch.ones(3)}, wrong)


def random_masks(count):
    generator = torch.Generator().manual_seed(3)
    return [{"w": torch.rand(40, 5, generator=generator) < 0.5} for _ in range(count)]


def test_masks_of_the_same_weights_are_nested_so_a_merge_is_one_of_them():
    weight = {"w": torch.randn(30, 10)}
    masks = [weights.magnitude_mask(weight, s) for s in (0.1, 0.3, 0.5, 0.7, 0.9)]
    for merge, sparsity in (("union", 0.1), ("intersection", 0.9), ("vote", 0.5)):
        merged = weights.merge_masks(masks, merge)
        assert torch.equal(merged["w"], weights.magnitude_mask(weight, sparsity)["w"]), merge


def test_a_union_is_never_sparser_than_a_part_and_an_intersection_never_less_sparse():
    masks = random_masks(5)
    shares = [weights.sparsity(mask) for mask in masks]
    merged = {how: weights.sparsity(weights.merge_masks(masks, how)) for how in ("union", "vote", "intersection")}
    assert merged["union"] < min(shares)
    assert max(shares) < merged["intersection"]
    assert merged["union"] < merged["vote"] < merged["intersection"]


@pytest.mark.parametrize(
    ("merge", "kept"),
    # four masks keep the weights 1, 12, 123 and 1234: the first in all, the second in three, the third in two
    [("union", "1234"), ("intersection", "1"), ("vote", "12")],
)
def test_merging_by_hand(merge, kept):
    masks = [{"w": torch.tensor([n <= last for n in (1, 2, 3, 4)])} for last in (1, 2, 3, 4)]
    merged = weights.merge_masks(masks, merge)["w"]
    assert "".join(str(n + 1) for n in merged.nonzero().flatten().tolist()) == kept


def test_masks_over_other_weights_are_not_merged():
    with pytest.raises(ValueError, match="same weights"):
        weights.merge_masks([{"a": torch.ones(2) > 0}, {"b": torch.ones(2) > 0}], "union")


def test_overlap_is_the_share_of_kept_weights_that_are_as_many_of_the_largest():
    model = torch.nn.Linear(4, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, -4.0, 3.0, 0.5]])
    for kept, share in (([0, 1, 1, 0], 1.0), ([1, 1, 0, 0], 0.5), ([1, 0, 0, 1], 0.0), ([0, 0, 0, 0], 0.0)):
        assert weights.overlap({"weight": torch.tensor([kept], dtype=torch.bool)}, model) == share
