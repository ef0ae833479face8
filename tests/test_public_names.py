"""The public surface: what each part offers, and what users have been promised.

The list of names is ``_PUBLIC`` in ``germane/__init__.py``: a new name is one word there.
"""

import ast
import importlib
import inspect
from dataclasses import is_dataclass
from itertools import pairwise

import pytest

import germane

# promised: `germane.<name>` stays, and keeps these members
CONTRACT = {
    "FiniteMDP": "n_states n_actions gamma r transitions",
    "read_mdp": "",
    "write_mdp": "",
    "from_gymnasium": "",
    "Solution": "v policy error_bound n_iterations",
    "solve": "",
    "evaluate": "",
    "regret": "",
    "Transport": "cost plan u v",
    "wasserstein": "",
    "BisimulationMetric": "lower upper error_bound max_diagonal n_sweeps",
    "dt_bsm": "",
    "dt_bsm_tv": "",
    "Certificate": "bound rung per_state rungs trivial vacuous confidence drivers save",
    "certify": "",
    "Verdict": "holds checks",
    "verify": "",
    "networks.AdmissionControl": "mdp perturbed label",
    "theorem4_sample_size": "",
    "cousins.colink": "",
    "cousins.power": "",
    "cousins.select_orders": "",
    "cousins.limit_policy_error": "",
    "learning.LearningResult": "q policy history",
    "learning.q_learning": "",
    "learning.esql": "",
    "learning.psr": "",
    "learning.multi_timescale": "",
    "learning.ensemble_link": "",
    "learning.ensemble_graph": "",
    "learning.speedy_q_learning": "",
    "learning.maxmin_q_learning": "",
    "learning.expected_sarsa_lambda": "",
    "learning.ensemble_bootstrapped_q_learning": "",
    "learning.double_q_learning": "",
    "learning.average_policy_error": "",
    "learning.a3c": "",
    "learning.averaged_dqn": "",
    "learning.me_trpo": "",
    "learning.ppo": "",
}

PARTS = tuple(germane._PUBLIC)
NAMES = [(part, name) for part, names in germane._PUBLIC.items() for name in names.split()]
ROOT_NAMES = [(part, name) for name, part in germane._HOME.items()]


def part(name):
    return importlib.import_module(f"germane.{name}")


def offered(module):
    """``__all__``, or what a module without one defines."""
    own = (name for name, thing in vars(module).items() if inspect.isclass(thing))
    own = [name for name in own if vars(module)[name].__module__ == module.__name__]
    return getattr(module, "__all__", own)


def docstring(part_name, name):
    """The docstring of a class or function; of an alias or constant, the string that follows it."""
    thing = getattr(part(part_name), name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        written_by_hand = not (thing.__doc__ or "").startswith(f"{name}(")
        return inspect.cleandoc(thing.__doc__ or "") if written_by_hand else ""
    folder = inspect.getsourcefile(part(part_name)).removesuffix("__init__.py")
    for module in list(vars(part(part_name)).values()):
        if inspect.ismodule(module) and (module.__file__ or "").startswith(folder):
            for node, after in pairwise(ast.parse(inspect.getsource(module)).body):
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                named = any(getattr(target, "id", None) == name for target in targets)
                if named and isinstance(after, ast.Expr):
                    return inspect.cleandoc(after.value.value)
    return ""


@pytest.mark.parametrize("name", PARTS)
def test_a_part_offers_exactly_the_names_in_the_list(name):
    assert sorted(offered(part(name))) == sorted(germane._PUBLIC[name].split())


@pytest.mark.parametrize(("part_name", "name"), NAMES)
def test_a_public_name_is_documented_in_a_sentence(part_name, name):
    summary = docstring(part_name, name).split("\n\n")[0]
    assert summary.endswith((".", ":")), f"{part_name}.{name}: {summary!r}"


@pytest.mark.parametrize(("part_name", "name"), ROOT_NAMES)
def test_a_public_name_can_be_imported_from_the_root(part_name, name):
    assert getattr(germane, name) is getattr(part(part_name), name)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_promised_name_keeps_its_members(name):
    thing = germane
    for step in name.split("."):
        thing = getattr(thing, step)
    fields = thing.__dataclass_fields__ if is_dataclass(thing) else {}
    assert {m for m in CONTRACT[name].split() if m not in fields and not hasattr(thing, m)} == set()


def test_no_name_has_two_homes():
    assert len({*PARTS, *(name for _, name in NAMES)}) == len(PARTS) + len(NAMES)


def test_the_root_lists_what_it_offers_and_refuses_the_rest():
    assert sorted(germane.__all__) == sorted(name for _, name in ROOT_NAMES)
    assert {*germane.__all__, *PARTS} <= set(dir(germane))
    assert germane.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = germane.nonsense
