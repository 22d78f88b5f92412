"""Pages: parameters and execution of notebooks, and the site that is built from them."""
