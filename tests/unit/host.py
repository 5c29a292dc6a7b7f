# ruff: noqa: N802  # the protocols' names
"""The package's host as the engine starts it: a process that is asked over gRPC, and registers with a monitor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from tests.unit.recorder import label

PROJECT = Path(__file__).parents[2]
FEATURES = ("SECRETS", "RESOURCE_REFERENCES", "ALIAS_SPECS", "DELETED_WITH", "RESOURCE_HOOKS")


@dataclass
class Monitor(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """An engine's side of a program: everything is written as it is asked for, and gets a uid."""

    requests: dict[str, resource_pb2.RegisterResourceRequest] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def waits_for(self, resource: str) -> set[str]:
        """The resources that one depends on."""
        return {label(*urn.split("::")[2:]) for urn in self.requests[resource].dependencies}

    async def GetDeploymentInfo(self, *_: Any) -> resource_pb2.DeploymentInfo:
        features = (getattr(resource_pb2, f"RESOURCE_MONITOR_FEATURE_{each}") for each in FEATURES)
        return resource_pb2.DeploymentInfo(supportedFeatures=features)

    async def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, _: Any
    ) -> resource_pb2.RegisterResourceResponse:
        self.requests[label(request.type, request.name)] = request
        written = Struct()
        written.CopyFrom(request.object)
        if request.custom:
            written.fields["metadata"].struct_value["uid"] = f"uid-of-{request.name}"
        urn = f"urn:pulumi:unit::shop::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(urn=urn, id=request.name, object=written)

    async def RegisterResourceOutputs(self, *_: Any) -> Empty:
        return Empty()

    async def RegisterResourceHook(self, request: resource_pb2.RegisterResourceHookRequest, _: Any) -> Empty:
        self.hooks.append(request.name)
        return Empty()

    async def Log(self, request: engine_pb2.LogRequest, _: Any) -> Empty:
        if request.severity != engine_pb2.DEBUG:
            self.told.append(request.message)
        return Empty()


@dataclass
class Host:
    """The host, and the monitor that its components register with."""

    stub: provider_pb2_grpc.ResourceProviderStub
    monitor: Monitor
    address: str

    async def construct(
        self, component: str, inputs: Mapping[str, Any], *, preview: bool = True
    ) -> provider_pb2.ConstructResponse:
        """Ask for a component `web`, as the engine does when a program in any language makes one."""
        struct = Struct()
        struct.update(inputs)
        request = provider_pb2.ConstructRequest(
            project="shop",
            stack="unit",
            dryRun=preview,
            monitorEndpoint=self.address,
            type=f"cutover:index:{component}",
            name="web",
            inputs=struct,
            accepts_output_values=True,
        )
        response: provider_pb2.ConstructResponse = await self.stub.Construct(request, timeout=30)
        return response


@asynccontextmanager
async def hosting() -> AsyncIterator[Host]:
    """Start the host, and a monitor for it."""
    server, monitor = grpc.aio.server(), Monitor()
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(monitor, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        PROJECT / "plugin",
        address,
        env={"PYTHONPATH": str(PROJECT)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        port = int(await asyncio.wait_for(process.stdout.readline(), 30))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Host(provider_pb2_grpc.ResourceProviderStub(channel), monitor, address)
    finally:
        process.terminate()
        await process.wait()
        await server.stop(None)
