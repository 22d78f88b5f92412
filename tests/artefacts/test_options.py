"""Every parameter of every notebook with values of every wrong kind, from Python and from the command line."""

import sys

import pytest

from repro.artefacts import REGISTRY, base, figure3, find_artefact, lotus_soup, subsets_policies, table1, table2, table4
from repro.cli import main, planned
from repro.config import ConfigError
from repro.runs import schedule

PARAMETERS = [(name, option) for name, a in REGISTRY.items() for option in ("seeds", *a.options)]
BAD = ["x", "", b"", 1j, True, -1, 0, float("nan"), float("inf"), 10**400, [], {}, [[1]], [None], ["x"], [-1], [True]]
BAD += [[float("nan")], [10**400], [1, 1], [0.5, 0.5], object(), {0.5}]
BAD_TEXTS = [
    "x",
    "b''",
    "1j",
    "True",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "10**400",
    "1" + 400 * "0",
    "[]",
    "{}",
    "[[1]]",
]
BAD_TEXTS += ["[None]", "0.5,0.5", "1,1", "{[]: 1}", "[", "(", "1,,2", "'x'", "\0", "lambda: 1", 5000 * "9"]


def is_allowed(option, value):
    """Zero epochs fine-tune no selector, and a seed may be 0."""
    return (option, value) in (("finetune_epochs", 0), ("finetune_epochs", "0"), ("seeds", "0"))


@pytest.mark.parametrize(("name", "option"), PARAMETERS)
def test_a_wrong_value_from_python_is_an_error_that_names_the_parameter(name, option):
    for value in BAD:
        if not (value is not True and is_allowed(option, value)):
            with pytest.raises(ConfigError, match=option) as error:
                base.plan(find_artefact(name), "demo", **{option: value})
            assert "\n" not in str(error.value), value


@pytest.mark.parametrize(("name", "option"), PARAMETERS)
def test_a_wrong_value_on_the_command_line_is_one_line_that_names_the_parameter(name, option, monkeypatch):
    monkeypatch.setattr(schedule, "get_or_compute", lambda *_, **__: pytest.fail("a run was started"))
    for text in BAD_TEXTS:
        if not is_allowed(option, text):
            monkeypatch.setattr(sys, "argv", ["repro", "run", name, "-p", f"{option}={text}"])
            with pytest.raises(SystemExit) as stopped:
                main()
            said = stopped.value.code  # a text is printed and means 1
            assert isinstance(said, str), text
            assert said.startswith("repro: ")
            assert option in said
            assert "\n" not in said


@pytest.mark.parametrize("preset", ["x", "", None, 1, ["demo"], "Demo"])
def test_a_wrong_preset_is_an_error(preset):
    with pytest.raises(ConfigError, match=r"unknown preset .*: choose one of demo, pocket, gpu, paper"):
        base.plan(table1.ARTEFACT, preset)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "table1", "--preset", ""], "unknown preset ''"),
        (["run", ""], "unknown artefact ''"),
        (["execute", "table1", "tabel2"], "unknown artefact 'tabel2'"),
        (["run", "table1", "-p", "=1"], "has no parameter ''"),
        (["run", "table1", "-p", "preset=demo"], "the preset is --preset"),
    ],
)
def test_a_wrong_command_is_one_line(words, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["repro", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert said in str(stopped.value.code)


@pytest.mark.parametrize(("name", "option"), PARAMETERS)
def test_none_is_the_presets_own(name, option):
    own = planned(name, "demo", None)
    assert [(arm.run, seed) for arm, seed in base.plan(find_artefact(name), "demo", **{option: None})] == own
    for text in ("", "none"):
        assert planned(name, "demo", [f"{option}={text}"]) == own


def test_zero_epochs_fine_tune_no_selector_at_paper():
    for artefact in (figure3.ARTEFACT, table4.ARTEFACT):
        arms = [arm for arm, _ in base.plan(artefact, "paper", [0], finetune_epochs=0) if arm.labels["arm"] == "LT"]
        assert {arm.run.patches.source.selector.start for arm in arms} == {None}


def test_numbers_are_brought_to_the_type_of_the_option():
    whole = base.plan(table2.ARTEFACT, "demo", [0], epochs=2, learning_rates=[1, 0.1], rewind_epoch=1.0)
    assert whole == base.plan(table2.ARTEFACT, "demo", [0], epochs=2.0, learning_rates=(1.0, 0.1), rewind_epoch=1)


def test_values_that_a_config_refuses_name_the_option_they_came_from():
    for artefact, option, value in (
        (figure3.ARTEFACT, "keep_rates", [1.5]),
        (subsets_policies.ARTEFACT, "count", 1001),
        (lotus_soup.ARTEFACT, "budget", 0.5),
        (table1.ARTEFACT, "rewind_epoch", 99),
    ):
        with pytest.raises(ConfigError, match=rf"{artefact.id} with {option}="):
            base.plan(artefact, "demo", **{option: value})


def test_epochs_may_be_a_part_of_one():
    arms = {arm.labels["arm"]: arm.run for arm, _ in base.plan(figure3.ARTEFACT, "demo", [0], epochs=0.5)}
    assert arms["dense"].training.epochs == 0.5
    assert "RC for 0.98 epochs (iso-token)" in arms  # 0.5 / 0.8^3
