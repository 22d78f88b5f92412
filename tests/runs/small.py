"""The `repro` command with Tables 1 and 2 at `demo` on a fifth of the images."""

from dataclasses import replace

from repro.artefacts import table1, table2
from repro.config import Data

SIZES = {table: replace(table.SIZES["demo"], data=Data("digit-scans", 256, 64)) for table in (table1, table2)}

if __name__ == "__main__":
    from repro.cli import main

    for table, size in SIZES.items():
        table.SIZES["demo"] = size
    main()
