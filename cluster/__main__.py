"""`python -m cluster`: the embedded cluster from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cluster import layout
from cluster.embedded import Cluster
from cluster.errors import ClusterError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A real single-node Kubernetes on this machine, for tests and demos."""


@cli.command()
@click.option("--control-plane-only", is_flag=True, help="API server and controllers only: fast, but runs no pods.")
@click.option("--gateway", "with_gateway", is_flag=True, help="Also a Gateway for HTTPRoutes: Contour and Envoy.")
def up(*, control_plane_only: bool, with_gateway: bool) -> None:
    """Start or repair the cluster; builds it the first time."""
    Cluster().up(control_plane_only=control_plane_only, with_gateway=with_gateway)


@cli.command()
def down() -> None:
    """Stop the cluster and remove all of it but what was built."""
    Cluster().down()


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Show processes, node and pods; exit code 0 if healthy, else 1."""
    found = Cluster().status()
    if as_json:
        click.echo(found.as_json())
    else:
        table = Table.grid(padding=(0, 2))
        for name, pid in found.processes.items():
            table.add_row(name, f"PID {pid}" if pid else "[red]not running[/]")
        table.add_row("API server", f"{found.url}, {'ready' if found.api_ready else '[red]not ready[/]'}")
        table.add_row("node", f"{'Ready' if found.node_ready else '[red]not Ready[/]'}, {found.kubernetes or '?'}")
        table.add_row("pods", f"{found.pods_running} of {found.pods} running")
        if found.gateway:
            table.add_row("Gateway", found.gateway)
        table.add_row("kubeconfig", found.kubeconfig)
        Console(highlight=False).print(table)
    sys.exit(0 if found.healthy else 1)


@cli.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(archive: Path) -> None:
    """Load the images of ARCHIVE (a tar in OCI or `docker save` layout) into the node."""
    Cluster().load(archive)


@cli.command()
def kubeconfig() -> None:
    """Print the path of the cluster's kubeconfig."""
    click.echo(layout.kubeconfig())


def main() -> None:
    try:
        cli(prog_name="python -m cluster")
    except ClusterError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
