"""Config files are edited as the CLI edits them, with comments and order kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import StackConfig
from engine.errors import EngineError, ProjectError
from engine.passphrase import Crypter
from engine.project import Project

FILE = """\
# who we are
encryptionsalt: v1:c8aGE5pr1V4=:v1:f/JMGIWhEC4dwDM+:6x01iBBYBzzRX4+JWkyppFMzvf2YVg==
config:
  # the color that is live
  cutover:activeColor: green
  cutover:imageTag:
    blue: v1 # the old one
    green: v2
  cutover:token:
    secure: v1:u4redNb24IGyBte0:X6XxHJRJHl65WstJfLz49cgFWwwTQg==
"""


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    return StackConfig(Project(tmp_path / "Pulumi.yaml", "cutover"), "dev")


def put(config: StackConfig, key: str, value: str, *, path: bool = True) -> str:
    config.set(*config.split(key, path=path), value, None)
    config.save()
    return config.path.read_text()


def declared(config: StackConfig, tmp_path: Path, **declarations: object) -> StackConfig:
    return StackConfig(Project(tmp_path / "Pulumi.yaml", "cutover", config=dict(declarations)), "dev", config.path)


def test_a_nested_value_changes_and_the_rest_stays(config: StackConfig) -> None:
    assert put(config, "imageTag.green", "6.9.2") == FILE.replace("green: v2", "green: 6.9.2")


@pytest.mark.parametrize(
    ("value", "written"),
    [("true", "true"), ("12", "12"), ("-3", "-3"), ("012", "'012'"), ("1.10", "'1.10'"), ("0", "0"), ("v1", "v1")],
)
def test_values_at_a_path_are_what_they_look_like(config: StackConfig, value: str, written: str) -> None:
    assert f"    green: {written}\n" in put(config, "imageTag.green", value)


def test_a_value_without_a_path_is_text(config: StackConfig) -> None:
    assert "cutover:replicas: '3'\n" in put(config, "replicas", "3", path=False)
    assert config.settings(str)["cutover:replicas"].text == "3"


def test_maps_and_lists_are_made_on_the_way(config: StackConfig) -> None:
    put(config, "apps.web.hosts[0]", "a")
    put(config, "apps.web.hosts[1]", "b")
    put(config, 'labels["app.kubernetes.io/name"]', "web")
    settings = config.settings(str)
    assert settings["cutover:apps"].text == '{"web":{"hosts":["a","b"]}}'
    assert settings["cutover:labels"].text == '{"app.kubernetes.io/name":"web"}'


def test_a_text_becomes_a_map_as_with_the_cli(config: StackConfig) -> None:
    put(config, "activeColor.x", "1")
    assert config.settings(str)["cutover:activeColor"].text == '{"x":1}'


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("imageTag[0]", "key for a map must be a string"),
        ("imageTag.blue.x", "expected a map"),
        ("imageTag[", "invalid config key path"),
        ("[0]", "first path segment"),
    ],
)
def test_impossible_paths_are_refused(config: StackConfig, key: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        put(config, key, "1")


def test_a_list_has_no_holes(config: StackConfig) -> None:
    put(config, "list[0]", "a")
    with pytest.raises(EngineError, match="array index out of range"):
        put(config, "list[2]", "c")


def test_values_are_removed(config: StackConfig) -> None:
    config.remove(*config.split("imageTag.blue", path=True))
    config.remove(*config.split("nothing.here", path=True))
    config.remove(*config.split("activeColor", path=False))
    assert config.settings(lambda _: "?").keys() == {"cutover:imageTag", "cutover:token"}
    assert config.settings(lambda _: "?")["cutover:imageTag"].text == '{"green":"v2"}'


def test_secrets_are_sealed_and_opened(config: StackConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "golden")
    crypter = Crypter(str(config.salt), "dev")
    config.set(*config.split("db.password", path=True), "hunter2", crypter)
    config.save()
    assert "hunter2" not in config.path.read_text()
    setting = config.settings(crypter.decrypt)["cutover:db"]
    assert (setting.text, setting.secret, setting.structured) == ('{"password":"hunter2"}', True, True)
    assert config.settings(crypter.decrypt)["cutover:token"].secret


def test_declared_defaults_are_filled_in(config: StackConfig, tmp_path: Path) -> None:
    typed = declared(
        config,
        tmp_path,
        replicas={"type": "integer", "default": 3},
        debug={"type": "boolean", "default": False},
        hosts={"type": "array", "items": {"type": "string"}, "default": ["a"]},
        **{"kubernetes:context": "here"},
    )
    settings = typed.settings(lambda _: "?")
    typed.validate(settings)
    assert settings["cutover:replicas"].text == "3"
    assert settings["cutover:debug"].text == "false"
    assert settings["cutover:hosts"].text == '["a"]'
    assert settings["kubernetes:context"].text == "here"


@pytest.mark.parametrize(
    ("declarations", "words"),
    [
        ({"x": {"type": "string"}}, "Stack 'dev' is missing configuration value 'x'"),
        (
            {"x": {"type": "string"}, "y": {"type": "string"}, "z": {"type": "string"}},
            "Stack 'dev' is missing configuration values 'x', 'y' and 'z'",
        ),
        (
            {"activeColor": {"type": "integer"}},
            "Stack 'dev' with configuration key 'activeColor' must be of type 'integer'",
        ),
        (
            {"imageTag": {"type": "array", "items": {"type": "string"}}},
            "Stack 'dev' with configuration key 'imageTag' must be of type 'array<string>'",
        ),
        (
            {"activeColor": {"type": "string", "secret": True}},
            "Stack 'dev' with configuration key 'activeColor' must be encrypted as it's secret",
        ),
    ],
)
def test_declarations_are_enforced_in_the_clis_words(
    config: StackConfig, tmp_path: Path, declarations: dict[str, object], words: str
) -> None:
    typed = declared(config, tmp_path, **declarations)
    with pytest.raises(ProjectError) as caught:
        typed.validate(typed.settings(lambda _: "?"))
    assert str(caught.value) == words


def test_numbers_and_booleans_in_the_file_reach_the_program_as_text(config: StackConfig) -> None:
    config.path.write_text("config:\n  cutover:n: 3\n  cutover:b: true\n  cutover:m: {f: 1.10, d: 2024-01-01}\n")
    settings = StackConfig(Project(config.path.parent / "Pulumi.yaml", "cutover"), "dev").settings(str)
    assert {key: setting.text for key, setting in settings.items()} == {
        "cutover:b": "true",
        "cutover:m": '{"d":"2024-01-01","f":1.1}',
        "cutover:n": "3",
    }


COMMENTED = """\
config:
  # the tags
  cutover:imageTag: # of both
    # the old one
    blue: v1 # since May
    green: v2
  cutover:apps:
    web:
      image: x
      resources: {limits: {memory: 1Gi, cpu: 1}}
      hosts:
        # the first
        - a
      text: |
        one

    # The other app.
    api:
      image: y

  # how many
  cutover:replicas: 3

# the end
"""


@pytest.mark.parametrize(
    ("key", "line", "after"),
    [
        (
            "apps.web.colors.green.env.A",
            "      colors:\n        green:\n          env:\n            A: v\n",
            "        one\n\n",
        ),
        ("imageTag.red", "    red: v\n", "    green: v2\n"),
        ("release.state", "  cutover:release:\n    state: v\n", "  cutover:replicas: 3\n"),
        ("apps.third", "    third: v\n", "      image: y\n"),
    ],
)
def test_a_new_key_stands_by_its_siblings_and_goes_without_a_trace(
    config: StackConfig, key: str, line: str, after: str
) -> None:
    config.path.write_text(COMMENTED)
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    assert put(config, key, "v") == COMMENTED.replace(after, after + line)
    first_new = key.removesuffix(".green.env.A").removesuffix(".state")
    config.remove(*config.split(first_new, path=True))
    config.save()
    assert config.path.read_text() == COMMENTED


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        ("imageTag.blue", "    blue: v1 # since May\n", ""),
        ("imageTag.green imageTag.blue", ": # of both\n    # the old one\n    blue: v1 # since May\n    green: v2\n",
         ": {} # of both\n    # the old one\n"),
        ("apps.web", COMMENTED[COMMENTED.index("    web:") : COMMENTED.index("    # The other")], ""),
        ("apps.web.resources.limits.cpu", ", cpu: 1", ""),
        ("apps.web.hosts[0]", "\n        # the first\n        - a\n", " []\n"),
        ("replicas", "  cutover:replicas: 3\n", ""),
    ],
)  # fmt: skip
def test_what_is_removed_takes_no_comment_along_but_its_own(
    config: StackConfig, keys: str, before: str, after: str
) -> None:
    config.path.write_text(COMMENTED)
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    for key in keys.split():
        config.remove(*config.split(key, path=True))
    config.save()
    assert before in COMMENTED
    assert config.path.read_text() == COMMENTED.replace(before, after)


def test_only_the_first_segment_of_a_path_names_a_namespace(config: StackConfig) -> None:
    assert config.split('labels["a:b"].c', path=True) == ("cutover:labels", ["a:b", "c"])
    assert config.split("kubernetes:context", path=True) == ("kubernetes:context", [])


SHARED = """\
config:
  cutover:apps:
    api:
      probes: &probes
        path: /ready
      size: 1
    # the other one
    web:
      size: 2
      probes: *probes
    third:
      <<: {size: 4}
      ports:
        - &port {name: a}
        - *port
"""


@pytest.mark.parametrize(
    ("key", "app", "expected"),
    [
        ("apps.web.tag", "web", {"size": 2, "probes": {"path": "/ready"}, "tag": "v"}),
        ("apps.web.probes.path", "web", {"size": 2, "probes": {"path": "v"}}),
        ("apps.api.probes.path", "api", {"size": 1, "probes": {"path": "v"}}),
        ("apps.third.size", "third", {"size": "v", "ports": [{"name": "a"}, {"name": "a"}]}),
        ("apps.third.tag", "third", {"size": 4, "ports": [{"name": "a"}, {"name": "a"}], "tag": "v"}),
        ("apps.third.ports[1].name", "third", {"size": 4, "ports": [{"name": "a"}, {"name": "v"}]}),
    ],
)
def test_a_value_behind_an_alias_changes_in_one_place(
    config: StackConfig, key: str, app: str, expected: dict[str, object]
) -> None:
    config.path.write_text(SHARED)
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    before = json.loads(config.settings(str)["cutover:apps"].text)
    assert "# the other one" in put(config, key, "v")
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    assert json.loads(config.settings(str)["cutover:apps"].text) == before | {app: expected}


def test_a_value_behind_an_alias_goes_in_one_place(config: StackConfig) -> None:
    config.path.write_text(SHARED)
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    for key in ("apps.web.probes.path", "apps.third.ports[0]", "apps.api.size"):
        config.remove(*config.split(key, path=True))
    config.save()
    config = StackConfig(Project(config.path.with_name("Pulumi.yaml"), "cutover"), "dev")
    assert json.loads(config.settings(str)["cutover:apps"].text) == {
        "api": {"probes": {"path": "/ready"}},
        "web": {"size": 2, "probes": {}},
        "third": {"size": 4, "ports": [{"name": "a"}]},
    }
