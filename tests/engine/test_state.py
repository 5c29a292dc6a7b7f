"""State is Pulumi's own: what the real engine wrote is read, and written again the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SecretsError, StateError, UnsupportedError
from engine.passphrase import Crypter
from engine.state import Codec, Resource, check_envelope, envelope, salt_of, verify
from engine.urn import Urn
from engine.values import UNKNOWN, Secret
from tests.engine.recordings import GOLDEN

CHECKPOINTS = sorted(GOLDEN.glob("checkpoint-*.json")) + sorted(GOLDEN.glob("cases/*/*-checkpoint.json"))


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "golden")


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_checkpoints_are_written_again_as_they_were(path: Path) -> None:
    document = json.loads(path.read_text())
    check_envelope(document)
    deployment = document["checkpoint"]["latest"]
    codec = Codec(Crypter(str(salt_of(deployment)), "dev"))
    written = codec.deployment(codec.snapshot(deployment))
    assert _unsealed(written) == _unsealed(deployment)
    assert envelope(written) == {key: document[key] for key in ("version", "features") if key in document}


def _unsealed(value: Any) -> Any:
    """Take ciphertexts out: Pulumi has one per place, we one per secret."""
    match value:
        case dict():
            return {key: _unsealed(item) for key, item in value.items() if key != "ciphertext"}
        case list():
            return [_unsealed(item) for item in value]
        case _:
            return value


def test_a_secret_keeps_its_ciphertext_while_its_text_stays() -> None:
    deployment = json.loads((GOLDEN / "checkpoint-03-created.json").read_text())["checkpoint"]["latest"]
    codec = Codec(Crypter(str(salt_of(deployment)), "dev"))
    snapshot = codec.snapshot(deployment)
    first, second = codec.deployment(snapshot), codec.deployment(replace(snapshot, resources=list(snapshot.resources)))
    assert json.dumps(first) == json.dumps(second)
    assert json.dumps(first).count('"ciphertext"') == json.dumps(deployment).count('"ciphertext"')


def test_the_passphrase_vector_of_the_recordings() -> None:
    crypter = Crypter("v1:c8aGE5pr1V4=:v1:f/JMGIWhEC4dwDM+:6x01iBBYBzzRX4+JWkyppFMzvf2YVg==", "dev")
    config = crypter.decrypt("v1:u4redNb24IGyBte0:X6XxHJRJHl65WstJfLz49cgFWwwTQg==")
    state = crypter.decrypt("v1:z0kc+Pohcjd92CPr:WJbtx9NZ0JxMIe57GEMt7+qI2mX50rls")
    assert json.loads(state) == config
    assert crypter.decrypt(crypter.encrypt("ü")) == "ü"


def test_a_wrong_passphrase_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "silver")
    crypter = Crypter("v1:c8aGE5pr1V4=:v1:f/JMGIWhEC4dwDM+:6x01iBBYBzzRX4+JWkyppFMzvf2YVg==", "dev")
    with pytest.raises(SecretsError, match="incorrect passphrase"):
        crypter.decrypt("v1:u4redNb24IGyBte0:X6XxHJRJHl65WstJfLz49cgFWwwTQg==")


def test_a_passphrase_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    (tmp_path / "phrase").write_text("golden\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    crypter = Crypter("v1:c8aGE5pr1V4=:v1:f/JMGIWhEC4dwDM+:6x01iBBYBzzRX4+JWkyppFMzvf2YVg==", "dev")
    assert crypter.decrypt("v1:u4redNb24IGyBte0:X6XxHJRJHl65WstJfLz49cgFWwwTQg==")


def urn(name: str, kind: str = "kubernetes:core/v1:ConfigMap") -> Urn:
    return Urn.of("dev", "p", "", kind, name)


def thing(name: str, **fields: Any) -> Resource:
    return Resource(urn=urn(name), type="kubernetes:core/v1:ConfigMap", custom=True, id=name, **fields)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([thing("a", dependencies=[urn("b")]), thing("b")], "which does not stand before it"),
        ([thing("a", parent=urn("b"))], "which does not stand before it"),
        ([thing("a"), thing("a")], "duplicate resource"),
        ([thing("a", provider=f"{urn('p', 'pulumi:providers:kubernetes')}::1")], "unknown provider"),
        ([Resource(urn=urn("c", "a:b:C"), type="a:b:C", id="x")], "is a component but has the ID"),
    ],
)
def test_what_pulumi_would_refuse_is_never_written(resources: list[Resource], words: str) -> None:
    with pytest.raises(StateError, match=words):
        verify(resources)


def test_one_that_waits_for_its_delete_may_share_its_name() -> None:
    verify([thing("a"), thing("a", delete=True), thing("a", delete=True)])


def test_unknowns_are_never_written() -> None:
    with pytest.raises(StateError, match="unknown value"):
        Codec(None).resource(thing("a", inputs={"x": [UNKNOWN]}))


def test_a_secret_needs_a_secrets_provider() -> None:
    with pytest.raises(StateError, match="no secrets provider"):
        Codec(None).resource(thing("a", inputs={"x": Secret(1)}))


@pytest.mark.parametrize(
    "document",
    [{"version": 5}, {"version": 4, "features": ["hooks", "teleport"]}, {"version": 4, "features": ["views"]}],
)
def test_newer_state_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError):
        check_envelope(document)


def test_other_secrets_providers_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="awskms"):
        salt_of({"secrets_providers": {"type": "awskms", "state": {}}})
