"""A reproducibility book of three lottery-ticket papers: data, models, tickets, training, runs, artefacts, report."""
