"""What so few points can show: the size a correlation must have, and how wide its interval is.

Every correlation of paper C is taken over four to seven configurations; none is printed with its uncertainty.
"""

from typing import Any

from repro.audit.ranks import critical_pearson, critical_spearman, pearson_interval
from repro.published import read_digits

TABLES = {"Tables 2 and 4": ("subsets-table2", 7), "Table 3": ("subsets-table3", 6), "Table 13": ("subsets-table13", 4)}


def limits() -> list[dict[str, Any]]:
    """For each table the critical ρ_p and ρ_s, how many printed ones reach them, and two intervals of ρ_p."""
    return [limits_of(name, *source) for name, source in TABLES.items()]


def limits_of(name: str, table: str, n: int) -> dict[str, Any]:
    """The limits of one table; ρ_s of n = 4 has no critical value (null), as even an equal order is too likely."""
    columns = read_digits(table)
    linear = [float(text) for text in columns["rho_p"] if text]
    ranked = [float(text) for text in columns.get("rho_s", [])]
    least, least_rank = critical_pearson(n), critical_spearman(n)
    ends = {end: (value, *pearson_interval(value, n)) for end, value in (("least", min(linear)), ("most", max(linear)))}
    return {
        "table": name,
        "n": n,
        "critical_rho_p": least,
        "critical_rho_s": None if least_rank != least_rank else least_rank,
        "rho_p": len(linear),
        "rho_p_reaching": sum(value >= least for value in linear),
        "rho_s": len(ranked),
        "rho_s_reaching": sum(value >= least_rank - 5e-4 for value in ranked),
        **ends,
    }
