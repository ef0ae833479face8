"""The page: what is on it comes from the record, and from nowhere else."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest

from germane import report
from germane.errors import InvalidParameter
from germane.report import numbers
from records import RECORD, free_of_policies, from_a_log, record, vacuous

EVERY_KIND = {
    "policy": record,
    "vacuous": vacuous,
    "free": free_of_policies,
    "from a log": from_a_log,
}
NUMBER = re.compile(r"−?\d[\d\u202f]*(?:\.\d+)?(?:\xa0×\xa010[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?:\xa0%)?")
ADDRESS = re.compile(r"""https?:|//|\b(src|href|action|data|poster)\s*=|@import|url\(""", re.I)
VOID = {"meta", "link", "br", "img", "input", "wbr"}


class Page(HTMLParser):
    """The text that a reader sees or hears, without formulas, citations and the ticks of axes."""

    def __init__(self, html):
        super().__init__()
        self.html, self.open, self.texts, self.tags = html, [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        silent = (
            tag == "style"
            or given.get("class") in ("formula", "fixed")
            or re.search(r"-[xy]tick_", given.get("id") or "")
        )
        if tag not in VOID:
            self.open.append((tag, bool(silent)))
        if given.get("aria-label"):
            self.texts.append(given["aria-label"])

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if not any(silent for _, silent in self.open):
            self.texts.append(data)

    @property
    def text(self):
        return "\n".join(self.texts)


def leaves(value):
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def shown_numbers(made):
    """Every way in which a number of the record may be written, and the numbers in its texts."""
    allowed = set()
    for leaf in leaves({name: value for name, value in made.items() if name != "timings"}):
        if isinstance(leaf, str):
            allowed |= set(NUMBER.findall(leaf))
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            x = float(leaf)
            for digits in (3, 4, 6):
                for rounding in (numbers.up, numbers.down, numbers.near):
                    allowed.add(rounding(x, digits))
            allowed |= {numbers.as_given(x), numbers.percent_up(abs(x))}
            allowed |= set(NUMBER.findall(numbers.signed_percent(x)))
            allowed |= {numbers.whole(leaf)} if isinstance(leaf, int) else set()
    certificate = made["certificate"]
    allowed.add(numbers.near(100 * certificate["confidence"], 6))
    allowed.add(numbers.percent_up(certificate["bound"] / certificate["trivial"]))
    intervals = [certificate["max_diagonal"]] if certificate["max_diagonal"] else []
    if made["evidence"] and made["evidence"]["loss"]:
        loss = made["evidence"]["loss"]
        intervals.append([loss["lower"], loss["upper"]])
    return allowed.union(*(numbers.interval(*ends) for ends in intervals))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_number_on_the_page_is_in_the_record(kind):
    made = EVERY_KIND[kind]()
    found = set(NUMBER.findall(Page(report.render(made)).text))
    assert len(found) > 25
    assert found <= shown_numbers(made)


def test_a_number_that_changes_in_the_record_changes_on_the_page():
    before = Page(report.render(record())).text
    for path, value in {
        "certificate__bound": 3.3,
        "certificate__trivial": 300.0,
        "question__max_regret": 3.7,
        "bound_per_step": 0.2,
        "gamma": 0.9,
        "real__n_states": 6,
        "metric__n_sweeps": 7,
        "metric__error_bound": 0.1,
        "states__median": 1.7,
    }.items():
        assert Page(report.render(record(**{path: value}))).text != before, path


def test_the_numbers_that_matter_are_on_the_page_rounded_outward():
    text = Page(report.render(record())).text
    for shown in ("3.142", "3.5", "271.9", "8129", "209.3", "1.16\xa0%", "4.669201", "4.669203"):
        assert shown in text, shown
    for shown in ("+14.9\xa0%", "eMBB: arrival rate", "0.0523", "0.0601", "8.24\xa0%", "+9.42"):
        assert shown in text, shown


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_opening_the_page_needs_no_network(kind):
    html = report.render(EVERY_KIND[kind]())
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"} == set()
    outward = [m for m in ADDRESS.finditer(html) if not local(html, m)]
    assert outward == []


def local(html, match):
    """Whether an address points into the page itself."""
    return re.match(r'(href="#|url\(#)[\w-]+', html[match.start() :]) is not None


def test_every_local_reference_has_a_target_and_no_identifier_is_used_twice():
    html = report.render(record())
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html))
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {a or b for a, b in used} <= set(ids)


def test_the_same_record_gives_the_same_bytes(tmp_path):
    report.write(record(), tmp_path / "a.html")
    report.write(json.loads(json.dumps(record())), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == report.render(record())


def test_rendering_leaves_the_record_as_it_was_and_shows_no_clock():
    made = record()
    before = copy.deepcopy(made)
    html = report.render(made)
    assert made == before
    assert html == report.render(record(timings={}))
    assert "123.4" not in html
    assert "654.3" not in html


HOSTILE = '<script>alert("x")</script><img src=//evil.example/x>&\'$\\frac'


def hostile(value, name=""):
    """The record with every text replaced that a user or a file can choose."""
    if isinstance(value, dict):
        kept = ("schema", "answer", "rung", "status", "stop")
        return {name: item if name in kept else hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, name) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_whatever_a_file_calls_its_states_is_text_on_the_page():
    made = hostile(record())
    made["certificate"]["rungs"][2]["name"] = made["certificate"]["rung"]
    html = report.render(made)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "img" not in {tag for tag, _ in page.tags}
    assert HOSTILE in page.text
    assert "<script" not in html


def test_a_plot_has_a_name_and_a_description_for_those_who_cannot_see_it():
    plots = [given for tag, given in Page(report.render(record())).tags if tag == "svg"]
    assert len(plots) == 3
    for given in plots:
        assert given["role"] == "img"
        assert len(given["aria-label"]) > 60


def test_no_colour_of_a_plot_is_fixed_so_that_it_follows_light_and_dark():
    html = report.render(record())
    plots = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert plots
    assert not [colour for svg in plots for colour in re.findall(r"#[0-9a-fA-F]{6}\b", svg)]
    used = set(re.findall(r"var\(--([\w-]+)\)", html))
    light, dark = re.findall(r":root \{(.*?)\}", html, flags=re.S)
    for theme in (light, dark):
        assert used <= set(re.findall(r"--([\w-]+):", theme))
    assert "@media print" in html


@pytest.mark.parametrize(
    ("made", "badge", "sentence"),
    [
        (record(), "Pass", "This policy loses at most 3.142 euros, within the limit of 3.5."),
        (
            record(answer="fail", question__max_regret=2.5),
            "Fail",
            "This policy loses more than the limit of 2.5 euros.",
        ),
        (
            free_of_policies(),
            "Cannot certify",
            "The bounds leave it open: every policy that is optimal in the twin loses at most 209.3 "
            "euros, and the limit is 3.5.",
        ),
        (
            free_of_policies(certificate__twin_regret=0.25),
            "Cannot certify",
            "The bounds leave it open: every policy that loses at most 0.25 in the twin loses at most "
            "209.3 euros, and the limit is 3.5.",
        ),
        (
            record(answer=None, question__max_regret=None),
            "Bound",
            "This policy loses at most 3.142 euros.",
        ),
        (
            vacuous(),
            "Cannot certify",
            "The bound is vacuous: it is no smaller than what any policy can lose.",
        ),
        (
            vacuous(answer=None, question__max_regret=None),
            "Vacuous",
            "The bound is vacuous: it is no smaller than what any policy can lose.",
        ),
        (
            vacuous(answer="pass", question__max_regret=300.0),
            "Pass",
            "No policy at all can lose more than 271.9 euros, which is within the limit of 300: the "
            "bound is vacuous, and the twin plays no part in it.",
        ),
        (
            record(certificate__bound=2e-12),
            "Pass",
            "This policy loses nothing but rounding, at most 2\xa0×\xa010⁻¹² euros, within the limit "
            "of 3.5.",
        ),
    ],
)
def test_the_headline_is_the_verdict(made, badge, sentence):
    html = report.render(made)
    headline = re.search(r"<h1>(.*?)</h1>", html)[1]
    assert headline == sentence
    assert re.search(r'class="badge">.*?</span>([^<]*)</p>', html)[1] == badge
    assert f"<title>{badge}: " in html


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            record(),
            "The published bound L1 (8129) is vacuous here: by itself it would say nothing.",
        ),
        (
            record(answer="fail", question__max_regret=2.5),
            "Its loss is certainly at least 3.141 and at most 3.142.",
        ),
        (free_of_policies(), "it lies between 0 and 209.3."),
    ],
)
def test_the_verdict_is_explained(made, sentence):
    assert sentence in Page(report.render(made)).text


def test_both_published_bounds_are_named_when_both_are_vacuous():
    made = record()
    made["certificate"]["rungs"][3] |= {"vacuous": True, "value": 300.0}
    text = Page(report.render(made)).text
    assert "Both published bounds are vacuous here, L1 (8129) and L3 (300)" in text


def test_repairs_stand_in_their_order_with_what_they_leave():
    text = Page(report.render(record())).text
    table = text.partition("What to repair first")[2].partition("States and actions that")[0]
    shown = ["6.627", "eMBB: arrival rate", "0.0601", "0.0523", "1.381", "where it leads", "6.023"]
    places = [table.index(what) for what in shown]
    assert places == sorted(places)
    assert "What to repair" not in report.render(record(repairs=None))


@pytest.mark.parametrize("status", ["checked", "assumed", "violated"])
def test_an_assumption_shows_its_status_as_a_word(status):
    html = report.render(record())
    assert f'<span class="status {status}">{status}</span>' in html


def test_a_bound_that_is_rounding_only_has_no_plot_by_state():
    html = report.render(record(certificate__bound=1e-12))
    assert "states-figure" not in html
    assert "what it loses is rounding only" in html


def test_equal_rewards_leave_nothing_to_plot():
    made = vacuous(certificate__trivial=0.0, certificate__bound=0.0)
    for rung in made["certificate"]["rungs"]:
        rung |= {"value": 0.0, "share": 0.0}
    assert "no policy can lose" in report.render(made)


@pytest.mark.parametrize("schema", [None, "germane.report/2", "germane.certificate/1"])
def test_a_record_of_another_schema_is_refused(schema):
    with pytest.raises(InvalidParameter, match=r"germane\.report/1"):
        report.render(record(schema=schema))


@pytest.mark.parametrize("missing", sorted(set(RECORD) - {"schema", "timings", "policy"}))
def test_a_record_that_lacks_something_is_refused_by_name(missing):
    made = record()
    del made[missing]
    with pytest.raises(InvalidParameter, match=missing):
        report.render(made)


def test_a_certificate_from_a_log_says_how_sure_it_is_and_what_the_log_lacks():
    text = " ".join(Page(report.render(from_a_log())).text.split())
    assert "with probability 95 %, this policy loses at most 31.42 euros" in text
    for said in (
        "3 were never tried, 1 of them where the policy would play",
        "left out: gap in time 397",
        "left out: reward missing 14",
        "set 1: counts of parts 0.0125",
        "confidence sequences",
        "98 765",
        "known from 8000 transitions of a log",
    ):
        assert said in text, said
    assert "no user" not in text  # no row was left out for it
    assert "Is it true?" not in text  # nothing is known beside the log


def test_a_certificate_from_a_log_says_why_no_samples_are_planned():
    why = "target must be above 7.5, what is lost in the log's own point estimate"
    made = from_a_log(samples={"target": 3.5, "limit": True, "reason": why})
    assert why.replace("'", "&#39;") in report.render(made)


def test_a_log_whose_counts_were_fixed_is_said_to_have_been():
    made = from_a_log(certificate__sampling__any_time=False)
    assert "fixed before the first one was made" in " ".join(Page(report.render(made)).text.split())
