"""What a notebook shows: tables, figures and the footer, one pair of modules a family. No torch here, and no training.

Numbers become percent here and nowhere else. Figures are drawn by matplotlib, legible on a light and on a dark page.
"""
