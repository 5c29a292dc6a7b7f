"""The two gRPC services that a program's SDK talks to: ResourceMonitor and Engine (sdk/proto of pulumi/pulumi)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import grpc
import semver
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from engine import wire
from engine.deployment import Deployment, StoppingError
from engine.display import Severity
from engine.errors import EngineError, StepError, UnsupportedError
from engine.goal import read_goal, read_source, refuse_unsupported
from engine.hooks import CHANNEL_OPTIONS
from engine.providers import UNKNOWN_ID
from engine.state import Resource
from engine.urn import Target, Urn
from engine.values import UNKNOWN
from engine.version import VERSION

_T = TypeVar("_T")

_FEATURES: Final = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "replaceWith": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    "replacementTrigger": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    "resourceHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
}
"""What is advertised. The SDK itself refuses the rest by name (transforms, error hooks, …)."""

_SEVERITIES: Final = {
    engine_pb2.INFO: Severity.INFO,
    engine_pb2.WARNING: Severity.WARNING,
    engine_pb2.ERROR: Severity.ERROR,
}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Hands the program's requests to the deployment and its answers back."""

    def __init__(self, deployment: Deployment, target: Target, root: Path) -> None:
        self._deployment = deployment
        self._target = target
        self._root = root

    def GetDeploymentInfo(self, _request: object, _context: object) -> resource_pb2.DeploymentInfo:  # noqa: N802
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES.values())

    def SupportsFeature(  # noqa: N802
        self, request: resource_pb2.SupportsFeatureRequest, _context: object
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResourceHook(  # noqa: N802
        self, request: resource_pb2.RegisterResourceHookRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        try:
            self._deployment.hooks.register(request)
        except ValueError as error:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, str(error))
        return empty_pb2.Empty()

    def RegisterResource(  # noqa: N802
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        return self._answer(context, lambda: self._register(request))

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        outputs = wire.from_struct(request.outputs)
        self._answer(context, lambda: self._deployment.register_outputs(request.urn, outputs))
        return empty_pb2.Empty()

    def ReadResource(  # noqa: N802
        self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ReadResourceResponse:
        return self._answer(context, lambda: self._read(request))

    def Invoke(  # noqa: N802
        self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ResourceInvokeResponse:
        return self._answer(context, lambda: self._invoke(request))

    def Call(self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext) -> NoReturn:  # noqa: N802
        self._refuse(context, UnsupportedError(f"the method {request.tok}"))

    def RegisterPackage(  # noqa: N802
        self, request: resource_pb2.RegisterPackageRequest, context: grpc.ServicerContext
    ) -> NoReturn:
        self._refuse(context, UnsupportedError(f"the parameterized provider '{request.name}'"))

    def SignalAndWaitForShutdown(self, _request: object, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self._answer(context, self._deployment.complete)
        return empty_pb2.Empty()

    # --- what they do

    def _register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        resource = self._deployment.register(read_goal(request, self._root))
        if not request.custom:
            # A component's outputs are what the program itself registers.
            return resource_pb2.RegisterResourceResponse(urn=resource.urn)
        # A preview leaves the id of a new resource empty, which the SDK takes for unknown.
        outputs = wire.to_struct(resource.outputs)
        return resource_pb2.RegisterResourceResponse(urn=resource.urn, id=resource.id, object=outputs)

    def _read(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        refuse_unsupported(request.type, request.name)
        position, trace = read_source(request.sourcePosition, request.stackTrace, self._root)
        wanted = Resource(
            urn=Urn.of(self._target.stack, self._target.project, request.parent, request.type, request.name),
            type=request.type,
            custom=True,
            external=True,
            id="" if request.id == UNKNOWN_ID else request.id,
            inputs=wire.from_struct(request.properties),
            parent=request.parent,
            provider=request.provider,
            dependencies=list(request.dependencies),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            source_position=position,
            stack_trace=trace,
        )
        resource = self._deployment.read(wanted, request.version)
        return resource_pb2.ReadResourceResponse(urn=resource.urn, properties=wire.to_struct(resource.outputs))

    def _invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        if request.tok != "pulumi:pulumi:getResource":
            raise UnsupportedError(f"the function {request.tok}")
        urn = wire.from_struct(request.args)["urn"]
        resource = self._deployment.find(urn)
        if resource is None:
            raise StepError(urn, f"getResource: there is no resource '{urn}' in this stack")
        answer = resource_pb2.ResourceInvokeResponse()
        found = {"urn": urn, "id": resource.id or UNKNOWN, "state": resource.outputs}
        getattr(answer, "return").CopyFrom(wire.to_struct(found))
        return answer

    def _answer(self, context: grpc.ServicerContext, work: Callable[[], _T]) -> _T:
        """Do the work; what goes wrong becomes what the SDK understands: the monitor has gone, stop."""
        try:
            return work()
        except StoppingError:
            self._stop(context)
        except EngineError as error:
            self._refuse(context, error)

    def _refuse(self, context: grpc.ServicerContext, error: EngineError) -> NoReturn:
        self._deployment.fail(error)
        self._stop(context)

    def _stop(self, context: grpc.ServicerContext) -> NoReturn:
        """Tell the program that it is over, once no running step can need its hooks any more."""
        self._deployment.wait_until_idle()
        context.abort(grpc.StatusCode.UNAVAILABLE, "the deployment has stopped")


class EngineService(engine_pb2_grpc.EngineServicer):
    """Takes the program's log and answers what it asks about the engine."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._root = ""

    def Log(self, request: engine_pb2.LogRequest, _context: object) -> empty_pb2.Empty:  # noqa: N802
        severity = _SEVERITIES.get(request.severity)
        if severity is None or self._is_echo(request):
            return empty_pb2.Empty()
        if request.ephemeral:
            self._deployment.display.status(request.urn, severity, request.message)
        else:
            self._deployment.display.diagnostic(request.urn, severity, request.message)
        return empty_pb2.Empty()

    def _is_echo(self, request: engine_pb2.LogRequest) -> bool:
        """Tell whether the program only repeats that the engine stopped it."""
        return self._deployment.stopping.is_set() and "Resource monitor has terminated" in request.message

    def GetRootResource(self, _request: object, _context: object) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(  # noqa: N802
        self, request: engine_pb2.SetRootResourceRequest, _context: object
    ) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(  # noqa: N802
        self, request: engine_pb2.RequirePulumiVersionRequest, context: grpc.ServicerContext
    ) -> engine_pb2.RequirePulumiVersionResponse:
        try:
            require_version(request.pulumi_version_range)
        except EngineError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return engine_pb2.RequirePulumiVersionResponse()


def require_version(wanted: str) -> None:
    """Check a range such as `>=3.200.0 <4.0.0` against the version this engine stands for."""
    version = semver.Version.parse(VERSION.removeprefix("v"))
    for condition in wanted.replace(",", " ").split():
        if not version.match(condition):
            raise UnsupportedError(f"pulumi versions '{wanted}'", f"it stands for {VERSION}")


@contextmanager
def serve(deployment: Deployment, target: Target, root: Path, *, parallel: int) -> Iterator[str]:
    """Serve the program on a free local port while the context lasts; yield the address."""
    # Registrations wait in their threads for their steps; the SDK sends at most four times `parallel` at once.
    pool = ThreadPoolExecutor(parallel * 4 + 16, thread_name_prefix="monitor")
    server = grpc.server(pool, options=CHANNEL_OPTIONS)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(deployment, target, root), server)
    engine_pb2_grpc.add_EngineServicer_to_server(EngineService(deployment), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=1).wait()
        pool.shutdown(wait=False)
