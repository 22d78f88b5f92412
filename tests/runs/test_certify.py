"""Fresh, verified equal or stale: said of a record, shown by repeating it, and explained."""

from dataclasses import replace

import pytest

from repro import config, paths
from repro.procedures import entry
from repro.runs import certify, committed, explain, freshness, schedule, store
from repro.runs import record as records
from repro.runs.code import code_digest
from tests.conftest import DENSE, forget, on_ticket

CHILD = on_ticket(epoch=0)


@pytest.fixture
def stale():
    """Two committed records, of a network and of a ticket, said to be of older, committed code; and their runs."""
    made = schedule.get_or_compute([(DENSE, 0), (CHILD, 0)])
    forget((DENSE, 0), (CHILD, 0))
    old = [replace(r, provenance=replace(r.provenance, code="older", dirty=False)) for r in made]
    write(old)
    return list(zip((DENSE, CHILD), old, strict=True))


def write(found):
    file = paths.recorded("x", "demo")
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(records.write(r) + "\n" for r in found))


def states():
    return {freshness.freshness(r) for r in committed.committed().values()}


def test_versions_that_give_equal_records_are_kept_as_equivalent(stale):
    assert states() == {freshness.STALE}
    said = list(certify.certify(stale))
    assert said == [
        f"train older: equal to the last bit to {code_digest(entry('train'))}, shown by {config.name(DENSE)} seed 0"
    ]
    assert states() == {freshness.EQUAL}
    assert freshness.equivalences()[0].shown_by == (f"{config.name(DENSE)} seed 0",)
    assert store.find_local(DENSE, 0) is None, "what is repeated is repeated in a store of its own"
    assert next(certify.certify(stale)).startswith("no stale record")


def test_one_difference_in_the_last_bit_and_nothing_is_kept(stale):
    run, record = stale[0]
    loss = record.metrics["loss"] * (1 + 1e-15)
    said = list(certify.certify([(run, replace(record, metrics=record.metrics | {"loss": loss}))]))
    assert f"train older: NOT equal, {config.name(DENSE)} came out otherwise" in said[0]
    assert states() == {freshness.STALE}
    assert freshness.equivalences() == ()


@pytest.mark.parametrize("carried", [{}, {"name": "train-0"}])
def test_what_an_older_schema_never_noted_is_no_difference(stale, carried):
    run, record = stale[0]
    said = next(certify.certify([(run, replace(record, origin="", carried=carried))]))
    assert ("NOT equal" in said) is not bool(carried)


@pytest.mark.parametrize("change", [{"device": "another"}, {"versions": {"torch": "1"}}, {"dirty": True}])
def test_only_what_was_made_here_by_committed_code_can_be_compared(stale, change):
    other = [(run, replace(r, provenance=replace(r.provenance, **change))) for run, r in stale]
    assert next(certify.certify(other)).startswith("no stale record")


def test_equivalence_goes_through_others_but_not_from_one_procedure_to_another():
    for procedure, old, new in (("train", "a", "b"), ("train", "c", "b"), ("select", "c", "d")):
        freshness.add_equivalence(freshness.Equivalence(procedure, old, new, (), "here", "today"))
    assert freshness.equal_to("train", "a") == {"a", "b", "c"}
    assert freshness.equal_to("select", "a") == {"a"}


def test_a_stale_record_names_what_has_changed(stale):
    said = "\n".join(explain.explain([(DENSE, 0)]))
    assert f"{freshness.STALE}: code older, commit {stale[0][1].provenance.commit}" in said
    assert "changed since: " in said
    unknown = replace(stale[0][1], provenance=replace(stale[0][1].provenance, commit="0" * 12))
    assert explain.changed_files(unknown) is None
