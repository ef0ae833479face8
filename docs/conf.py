"""How the documentation is built: ``make docs``."""

from importlib import metadata

project = "germane"
author = "The germane developers"
copyright = author
version = release = metadata.version("germane")

# Docstrings have their sections as "Args:", "Raises:": Napoleon reads those, numpydoc does not.
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx-mathjax-offline",  # formulas show without a network, too
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# One page for each part, made from its __all__: no second list to keep.
templates_path = ["_templates"]
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_member_order = "groupwise"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Mask", "Policy")}
napoleon_use_ivar = True
napoleon_attr_annotations = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "germane"
html_static_path = ["_static"]
html_show_sphinx = False
exclude_patterns = ["_build", "reproduce/*/*.md"]  # the latter are included by pages
