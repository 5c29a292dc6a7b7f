"""The policy pack as the CLI runs it: a folder and an environment of its own, asked over gRPC."""

from __future__ import annotations

import copy
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from cluster import layout
from components.plan import Manifest
from policy.lint import HERE, stacks
from policy.rules import OBJECT_RULES, STACK_RULES

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands in a preview for a string that is not known yet."""


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of an environment with what policy/requirements.txt asks for, made once."""
    requirements = HERE / "requirements.txt"
    key = hashlib.sha256(f"{sys.version}{requirements.read_text()}".encode()).hexdigest()[:12]
    folder = layout.cache() / "policy" / key
    if not (folder / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=60)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True, timeout=300)
        (folder / "made").touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def analyzer(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    folder = tmp_path_factory.mktemp("published") / "policy"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__", "lint.py", "kubescore"))
    # what the language host does with a policy pack: pulumi/pulumi, sdk/python/cmd/pulumi-analyzer-policy-python
    command = [str(python), "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(folder)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as pack:
        try:
            assert pack.stdout
            with grpc.insecure_channel(f"127.0.0.1:{int(pack.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            pack.terminate()


def properties(manifest: Manifest) -> Struct:
    struct = Struct()
    struct.update(manifest)
    return struct


def kind(manifest: Manifest) -> str:
    version = manifest["apiVersion"]
    return f"kubernetes:{version if '/' in version else f'core/{version}'}:{manifest['kind']}"


def of_objects(analyzer: analyzer_pb2_grpc.AnalyzerStub, *manifests: Manifest) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    requests = (
        analyzer_pb2.AnalyzeRequest(type=kind(each), properties=properties(each), urn=each["metadata"]["name"])
        for each in manifests
    )
    return [each for request in requests for each in analyzer.Analyze(request, timeout=30).diagnostics]


def of_stack(analyzer: analyzer_pb2_grpc.AnalyzerStub, *manifests: Manifest) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    resources = [
        analyzer_pb2.AnalyzerResource(type=kind(each), properties=properties(each), urn=each["metadata"]["name"])
        for each in manifests
    ]
    release = analyzer_pb2.AnalyzerResource(type="cutover:index:BlueGreenApp", urn="web", properties=properties({}))
    request = analyzer_pb2.AnalyzeStackRequest(resources=[release, *resources])
    return [*analyzer.AnalyzeStack(request, timeout=30).diagnostics]


@pytest.fixture
def manifests() -> list[Manifest]:
    return copy.deepcopy(stacks()["blue-green-promoted"].manifests)


def test_the_pack_says_what_its_rules_are(analyzer: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = analyzer.GetAnalyzerInfo(Empty(), timeout=30)
    assert info.name == "cutover"
    assert {each.name for each in info.policies} == {*OBJECT_RULES, *STACK_RULES}
    assert {each.enforcementLevel for each in info.policies} == {analyzer_pb2.MANDATORY}
    assert all(each.description.endswith(".") and "\n" not in each.description for each in info.policies)


def test_an_example_passes(analyzer: analyzer_pb2_grpc.AnalyzerStub, manifests: list[Manifest]) -> None:
    assert not of_objects(analyzer, *manifests)
    assert not of_stack(analyzer, *manifests)


def test_each_rule_stops_an_update(analyzer: analyzer_pb2_grpc.AnalyzerStub, manifests: list[Manifest]) -> None:
    (green,) = (each for each in manifests if each["kind"] == "Deployment" and each["spec"]["replicas"])
    (container,) = green["spec"]["template"]["spec"]["containers"]
    container["image"] = "registry.local/podinfo:latest"
    del container["readinessProbe"], container["resources"]["requests"]
    container["securityContext"]["allowPrivilegeEscalation"] = True
    green["spec"]["selector"]["matchLabels"]["version"] = "1"
    green["spec"]["replicas"] = 0
    left = [each for each in manifests if each["kind"] != "PodDisruptionBudget"]
    found = [*of_objects(analyzer, *left), *of_stack(analyzer, *left)]
    assert {each.policyName for each in found} == {*OBJECT_RULES, *STACK_RULES}
    assert {each.enforcementLevel for each in found} == {analyzer_pb2.MANDATORY}
    told = {each.urn: each.message for each in found if each.policyName == "live-traffic"}
    assert [*told] == ["web"]
    assert "Service web: it leads to app=web,color=green, of which there is no pod" in told["web"]


def test_what_a_preview_cannot_know_stops_nothing(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, manifests: list[Manifest]
) -> None:
    (green,) = (each for each in manifests if each["kind"] == "Deployment" and each["spec"]["replicas"])
    green["spec"]["template"]["spec"]["containers"][0]["image"] = UNKNOWN
    found = of_objects(analyzer, green)
    assert {each.policyName for each in found} == {"fixed-images", "stable-selectors"}
    assert {each.enforcementLevel for each in found} == {analyzer_pb2.ADVISORY}


def test_what_is_no_whole_object_is_not_looked_at(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, manifests: list[Manifest]
) -> None:
    (green,) = (each for each in manifests if each["kind"] == "Deployment" and each["spec"]["replicas"])
    patch = analyzer_pb2.AnalyzeRequest(type="kubernetes:apps/v1:DeploymentPatch", properties=properties(green))
    chart = analyzer_pb2.AnalyzeRequest(type="kubernetes:helm.sh/v3:Release", properties=properties({"chart": "x"}))
    del green["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    for request in (patch, chart):
        assert not analyzer.Analyze(request, timeout=30).diagnostics
