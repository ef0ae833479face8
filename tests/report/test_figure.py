"""A figure of an experiment as an SVG file: everything in it, and the same bytes every time."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict

import pytest

from germane.errors import InvalidParameter
from germane.experiments import Figure, Layer
from germane.report import figure

X = [1.0, 2.0, 3.0]
GIVEN = Figure(
    title="Loss & gain",
    alt='Three points & a line, the highest < "300".',
    x_label="x [s]",
    y_label="y < z",
    y_log=True,
    layers=(
        Layer(kind="band", x=X, y=[1.0, 2.0, 3.0], y_high=[10.0, 20.0, 30.0], series=1),
        Layer(kind="points", x=X, y=[3.0, 200.0, 2.0], label="dots"),
        Layer(kind="line", x=X, y=[3.0, 4.0, 5.0], label="a line", series=1),
    ),
)


def record(given=GIVEN):
    return json.loads(json.dumps(asdict(given)))


def test_the_same_figure_gives_the_same_bytes():
    assert figure(record()) == figure(record())


def test_it_is_xml_and_says_what_the_figure_says():
    root = ET.fromstring(figure(record()))
    texts = {
        "".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith(("text", "title"))
    }
    assert {GIVEN.title, GIVEN.alt, GIVEN.x_label, GIVEN.y_label, "dots", "a line"} <= texts
    assert {"10", "100"} <= texts  # powers of ten in plain numbers


def test_it_names_no_date_and_no_maker():
    assert not {"dc:date", "dc:creator", "Matplotlib"} & set(figure(record()).split())
    assert "<metadata>" not in figure(record())


def test_series_of_one_number_share_their_colour_and_others_do_not():
    svg = figure(record())
    assert "#0072b2" in svg
    assert svg.count("#d55e00") >= 2
    assert "#009e73" not in svg


@pytest.mark.parametrize("name", ["title", "alt", "layers", "y_log"])
def test_what_is_missing_is_named(name):
    given = record()
    del given[name]
    with pytest.raises(InvalidParameter, match=f"the figure lacks '{name}'"):
        figure(given)


def test_an_unknown_kind_of_layer_is_refused():
    given = record()
    given["layers"][0]["kind"] = "pie"
    with pytest.raises(InvalidParameter, match="points, line or band; got 'pie'"):
        figure(given)
