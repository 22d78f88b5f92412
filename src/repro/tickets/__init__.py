"""Finding tickets: pure functions, arrays in, mask or ids out. The modules here never import each other."""
