"""Runs: get one or compute it, schedule many, and say where each came from. Knows no paper."""
