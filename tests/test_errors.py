"""The tree drawn on top of errors.py is the tree of the classes."""

import re

from germane import errors


def drawn_tree():
    """``{class: its other base}`` as the docstring draws it; the root has none."""
    root, *leaves = re.findall(r"^(?:[├└]── )?(\w+)(?: \((\w+)\)  +\S.*)?$", errors.__doc__, re.M)
    return {root[0]: "Exception"} | dict(leaves)


def test_the_tree_in_the_docstring_names_every_class_and_its_bases():
    classes = {
        n: c
        for n, c in vars(errors).items()
        if isinstance(c, type) and c.__module__ == errors.__name__
    }
    assert drawn_tree() == {name: c.__bases__[-1].__name__ for name, c in classes.items()}


def test_every_error_is_a_germane_error_and_a_built_in_one():
    for name in drawn_tree():
        error = getattr(errors, name)
        assert issubclass(error, errors.GermaneError)
        assert error is errors.GermaneError or error.__bases__[0] is errors.GermaneError
