"""Why each run of a graph would be carried out, or not."""

from repro import config
from repro.runs import explain, schedule, store
from repro.runs.graph import identity, plan
from tests.conftest import DENSE, forget, on_ticket

CHILD, OTHER = on_ticket(epoch=0), on_ticket(epoch=1)


def said(*wanted):
    return list(explain.explain(wanted))


def about(lines, run):
    """The lines about one run."""
    first = lines.index(f"{config.name(run)} seed 0")
    last = next((n for n, line in enumerate(lines[first + 1 :], first + 1) if not line.startswith(" ")), len(lines))
    return "\n".join(lines[first:last])


def test_a_run_without_a_record_is_carried_out_after_what_it_needs():
    lines = said((CHILD, 0))
    assert "never carried out" in about(lines, CHILD)
    assert about(lines, CHILD).endswith(
        f"`repro run` would carry it out: it has no record of its own\n    after {config.name(DENSE)}"
    )
    assert about(lines, DENSE).endswith(f"it has no record of its own, and {config.name(CHILD)} seed 0 needs it")
    assert lines[-1] == "`repro run` would carry out 2 of 2 runs"


def test_a_run_whose_files_are_gone_is_made_again_for_the_one_that_needs_it():
    schedule.get_or_compute([(CHILD, 0)])
    (store.folder(DENSE, 0) / "final.safetensors").unlink()
    assert about(said((CHILD, 0)), DENSE).endswith("nothing to do"), "nobody needs its files"
    forget((CHILD, 0))
    lines = said((CHILD, 0), (OTHER, 0))
    assert "never carried out" in about(lines, CHILD)
    assert "would carry it out" in about(lines, DENSE)
    assert f"and {config.name(CHILD)} seed 0 needs it" in about(lines, DENSE)
    assert lines[-1] == "`repro run` would carry out 3 of 3 runs"


def test_a_run_that_only_finished_ones_needed_is_not_carried_out():
    schedule.get_or_compute([(CHILD, 0)])
    forget((DENSE, 0))
    lines = said((CHILD, 0))
    assert about(lines, CHILD).endswith("nothing to do")
    assert about(lines, DENSE).endswith("not needed: what needs it is done")
    assert lines[-1] == "`repro run` would carry out 0 of 2 runs"


def test_what_is_said_is_what_is_done():
    schedule.get_or_compute([(DENSE, 0)])
    wanted = [(CHILD, 0), (OTHER, 0), (DENSE, 1)]
    planned = plan(wanted, store.find_local)[0]
    lines = said(*wanted)
    shown = {identity(task) for task in store.with_parents(wanted)}
    carried = {n for n in shown if "would carry it out" in about_seed(lines, n)}
    assert carried == planned.keys()


def about_seed(lines, name):
    first = lines.index(f"{name[0]} seed {name[1]}")
    last = next((n for n, line in enumerate(lines[first + 1 :], first + 1) if not line.startswith(" ")), len(lines))
    return "\n".join(lines[first:last])


def test_a_damaged_record_is_why_a_run_is_carried_out_again():
    schedule.get_or_compute([(DENSE, 0)])
    (store.folder(DENSE, 0) / store.RECORD_FILE).write_text("half")
    assert "record.json.damaged-1 was set aside" in "\n".join(said((DENSE, 0)))
