"""The package's host with a real engine and cluster: all that a component does, it does in another process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lightkube import codecs

from bench.traffic import Load, running
from components.objects import namespace
from components.schema import PodSecurity
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, OLD, PROJECT, Stack, client, live

# What an engine does when a program in another language makes a component; the embedded one has no use for it yet.
PROGRAM = f"""
import asyncio, json, subprocess, sys
from pathlib import Path

import grpc
import pulumi
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

started = json.loads(Path("/proc/self/cmdline").read_text().split("\\0")[-2])
host = subprocess.Popen(
    [sys.executable, "-u", "{PROJECT}/plugin", started["engine"]], stdout=subprocess.PIPE, text=True
)
stub = provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel("127.0.0.1:" + host.stdout.readline().strip()))
config, inputs = pulumi.Config(), Struct()
app = config.require_object("apps")["web"]
del app["component"]
inputs.update({{**app, "imageTag": config.require_object("imageTag"), "namespace": config.require("namespace"),
    "activeColor": config.require("activeColor")}})


async def construct():
    request = provider_pb2.ConstructRequest(
        project=pulumi.get_project(), stack=pulumi.get_stack(), config=pulumi.runtime.config.CONFIG.get(),
        dryRun=pulumi.runtime.is_dry_run(), monitorEndpoint=started["monitor"], name="web", inputs=inputs,
        type="cutover:index:BlueGreenApp", parent=await pulumi.runtime.get_root_resource().urn.future(),
    )
    try:
        answer = await asyncio.to_thread(stub.Construct, request)
    except grpc.RpcError as error:
        raise pulumi.RunError(error.details())
    finally:
        host.terminate()
    return json_format.MessageToDict(answer.state)


pulumi.export("web", pulumi.Output.from_input(construct()))
"""


@pytest.fixture
def web(stack: Callable[..., Stack], port: int) -> Stack:
    app = blue_green(port, replicas=2)
    made = stack({"web": app}, imageTag={"blue": OLD, "green": NEW})
    client(made.namespace).create(codecs.from_dict(namespace(made.namespace, {}, PodSecurity.RESTRICTED)))
    program = made.folder / "__main__.py"
    program.unlink()
    program.write_text(PROGRAM)
    return made


def test_a_promotion_and_a_color_that_cannot_be_ready(web: Stack, port: int) -> None:
    web.up()
    assert web.outputs()["web"]["activeColor"] == "blue"
    web.run("preview", "--expect-no-changes")
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "package") as traffic:
        web.set("activeColor", "green")
        web.up()
        answers = traffic.stop()
    assert not answers.errors
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW)]
    assert web.outputs()["web"]["activeColor"] == live(web, "web") == "green"
    web.set("imageTag.blue", "0.0.404")
    told = web.fail_up().output
    assert "ImagePull" in told or "ErrImage" in told  # the last check of all: of a color without traffic
    assert live(web, "web") == "green"
    web.run("destroy", "--yes", deadline=180)
