"""The committed pages, renewed from the records alone: notebooks, and the parts of pages that are generated."""

import os
import tempfile
from collections.abc import Iterator

from repro import config, paths
from repro.artefacts import REGISTRY, base
from repro.pages.execute import execute_all
from repro.pages.parts import write_parts


def publish() -> Iterator[str]:
    """Renew every committed page; yields a line about each notebook. Raises ConfigError where records are lacking."""
    best = {name: base.best_recorded(artefact) for name, artefact in REGISTRY.items()}
    if lacking := [name for name, results in best.items() if results is None]:
        raise config.ConfigError(f"{lacking[0]} has no complete records; make some with `repro record`")
    said = {name: {"preset": r.preset, "seeds": list(r.seeds)} for name, r in best.items() if r}
    jobs = [(paths.notebook(name), paths.PAGES / f"{name}.ipynb", parameters) for name, parameters in said.items()]
    with tempfile.TemporaryDirectory() as empty:
        os.environ |= {"REPRO_HOME": empty, "REPRO_TRAIN": "never"}
        for page in execute_all(jobs):
            yield "{}: preset {preset}, seeds {seeds}".format(page.relative_to(paths.CHECKOUT), **said[page.stem])
    write_parts()
