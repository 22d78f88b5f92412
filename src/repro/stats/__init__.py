"""Statistics: intervals and verdicts, agreement of rankings, and what theory gives where there is one."""
