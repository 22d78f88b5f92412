"""What the extension takes from a page and leaves on it."""

from types import SimpleNamespace

import pytest

from repro.pages.theme import tidy

MATHJAX = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"


def script(filename="", **attributes):
    return SimpleNamespace(filename=filename, attributes=attributes)


@pytest.mark.parametrize(("formulas", "left"), [(False, ["a.js", ""]), (True, ["a.js", "", MATHJAX])])
def test_thebe_goes_mathjax_stays_where_there_are_formulas_and_each_script_stands_once(formulas, left):
    thebe = [script(body='const THEBE_JS_URL = "x"'), script("sphinx-thebe.js")]
    toggle = script(body="var toggle = 1")
    context = {
        "script_files": [script("a.js"), toggle, *thebe, toggle, *thebe, script(MATHJAX)],
        "body": '<div class="math">' if formulas else "<p>math</p>",
        "css_files": [script("sphinx-thebe.css"), script("a.css")],
    }
    tidy(None, "index", "page.html", context, None)
    assert [one.filename for one in context["script_files"]] == left
    assert [one.filename for one in context["css_files"]] == ["a.css"]
    assert '<meta name="description"' in context["metatags"]
