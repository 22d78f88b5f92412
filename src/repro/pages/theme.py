"""A Sphinx extension that takes from every page the scripts it does not use, and gives it a description.

Jupyter Book adds the scripts of Thebe, which runs code on another host, twice over, which is an error in a browser; and
MathJax, from another host, to every page with outputs of code, whether it has formulas or not.
"""

from typing import Any

UNUSED = ("thebe", "THEBE")
DESCRIPTION = (
    "Three papers on lottery tickets, their tables and figures repeated: each claim with its verdict and spread."
)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", tidy, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def tidy(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep each script once, and none that the page does not use."""
    unused = UNUSED if 'class="math' in context.get("body", "") else (*UNUSED, "mathjax", "MathJax")
    kept: dict[str, Any] = {}
    for script in context["script_files"]:
        said = str(script.filename) + str(script.attributes.get("body", ""))
        if not any(word in said for word in unused):
            kept.setdefault(said, script)
    context["script_files"] = list(kept.values())
    context["css_files"] = [style for style in context["css_files"] if "thebe" not in str(style.filename)]
    context["metatags"] = context.get("metatags", "") + f'\n    <meta name="description" content="{DESCRIPTION}" />'
