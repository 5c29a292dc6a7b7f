"""Config files are edited as the CLI edits them, with comments and order kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import StackConfig
from engine.errors import ProjectError, UsageError
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
    with pytest.raises(UsageError, match=words):
        put(config, key, "1")


def test_a_list_has_no_holes(config: StackConfig) -> None:
    put(config, "list[0]", "a")
    with pytest.raises(UsageError, match="array index out of range"):
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
