"""Files of policies: what they decide, and what is wrong with them, by file and line."""

from __future__ import annotations

import re

import pytest

from lakehouse.catalog.policies import policies
from lakehouse.engine.job import new_request
from lakehouse.errors import ConfigError
from lakehouse.metrics.web_policies import Bots, Channels, Engagement, Funnels, Visits
from lakehouse.settings import load_settings


@pytest.fixture
def of(tmp_path):
    """The policies of files with some texts."""

    def read(toml="", hosts=None):
        (tmp_path / "web.toml").write_text(toml, "utf-8")
        if hosts is not None:
            (tmp_path / "referrer_hosts.csv").write_text(hosts, "utf-8")
        return policies([Visits], load_settings(reference=str(tmp_path)))

    return read


def test_what_no_file_says_has_its_default(of):
    found = of()
    assert found.of(Visits).gap_s == 1800
    assert found.of(Channels).hosts == ()
    assert of("[visits]\ngap_s = 60\n").of(Visits).gap_s == 60


def test_the_committed_files_are_right_and_say_what_the_defaults_say():
    found = policies([Visits], load_settings())
    assert found.of(Visits) == Visits()
    assert found.of(Engagement) == Engagement()
    kinds = {each.kind for each in found.of(Channels).hosts}
    assert kinds == {"search", "social", "video", "shopping", "email"}
    assert [each.id for each in found.of(Funnels).funnels] == ["checkout", "signup"]


@pytest.mark.parametrize(
    ("toml", "lines"),
    [
        ("[vists]\ngap_s = 1\n", {1: "unknown section vists"}),
        ("[visits]\n\ngap_s = -1\nmodus = 1\n", {3: "gap_s", 4: "modus: there is no such key"}),
        ("[engagement]\nweights = { time = 50 }\n", {2: "weights add up to 110"}),
        ('[bots]\ndata_centres = ["1.2.3.4/40"]\n', {2: "data_centres"}),
        ('[clock]\nreporting_time_zone = "Berlin"\n', {2: "unknown time zone 'Berlin'"}),
        ("[attribution]\nfirst_rate = 0.7\nlast_rate = 0.6\n", {1: "more than 1 together"}),
        ('[[funnels]]\nid = "A"\ntitle = "a"\nsteps = []\n', {2: "funnels.id", 4: "funnels.steps"}),
        ("[visits\n", {1: "not valid TOML"}),
    ],
    ids=["section", "keys", "sum", "network", "zone", "shares", "funnel", "toml"],
)
def test_a_mistake_is_told_with_its_line(of, toml, lines):
    with pytest.raises(ConfigError) as refused:
        of(toml)
    told = str(refused.value).splitlines()
    assert refused.value.exit_code == 78
    found = {int(re.search(r"web\.toml:(\d+): ", line)[1]): line for line in told}
    assert found.keys() == lines.keys()
    assert all(words in found[line] for line, words in lines.items()), told


def test_a_mistake_in_a_list_is_told_with_its_line(of):
    with pytest.raises(ConfigError, match=r"referrer_hosts\.csv:3: .*kind") as refused:
        of(hosts="host,name,kind\ngoogle,Google,search\nx.com,X,nonsense\n")
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(ConfigError, match=r"referrer_hosts\.csv:2: a row has the cells host"):
        of(hosts="host,name,kind\ngoogle,Google\n")


def test_two_funnels_of_one_id_and_two_steps_of_one_name_are_refused():
    step = {"name": "a", "event_type": "page_view"}
    with pytest.raises(ValueError, match="two steps are called a"):
        Funnels.Funnel(id="x", title="X", steps=(step, step))
    other = {"name": "b", "event_type": "signup"}
    funnel = {"id": "x", "title": "X", "steps": (step, other)}
    with pytest.raises(ValueError, match="two funnels have the id x"):
        Funnels(funnels=(funnel, funnel))


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/checkout*", "/checkout/pay", True),
        ("/checkout*", "/a/checkout", False),
        ("/a.b", "/axb", False),
        ("/[x]?", "/xy", True),
    ],
)
def test_a_page_pattern_is_about_the_whole_path(pattern, path, matches):
    step = Funnels.Step(name="s", event_type="page_view", page=pattern)
    assert bool(re.search(step.page_pattern, path)) is matches


def test_a_table_is_made_again_when_a_policy_of_its_says_something_else(make_lake, tmp_path):
    reference = tmp_path / "reference"
    reference.mkdir()
    lake = make_lake(reference=str(reference))

    def code():
        with lake.open() as opened:
            names = ("silver.web_sessions", "silver.web_orders")
            return [opened.job(name, new_request()).code for name in names]

    before = code()
    (reference / "web.toml").write_text("[visits]\ngap_s = 60\n", "utf-8")
    after = code()
    assert after[0] != before[0]
    assert after[1] == before[1]
    (reference / "web.toml").write_text("# no change of words\n[visits]\ngap_s = 1800\n", "utf-8")
    assert code() == before


def test_every_kind_of_the_file_is_known_from_any():
    assert {kind.section for kind in Bots.of_file()} >= {"bots", "visits", "funnels", "money"}
