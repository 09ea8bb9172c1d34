"""A local stack of the bench's own: its sellers, their Connections, its folder and its ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from include.clock import utc_now
from include.local_stack.connections import create_absent_connections
from include.local_stack.ports import on_free_ports
from include.local_stack.progress import Progress
from include.local_stack.runs import paused_sellers
from include.local_stack.stack import Stack, running_stack
from include.sellers.registry import Seller, load_sellers
from include.settings import load_settings


def write_sellers(path: Path, seller_ids: Sequence[str], **fields: str) -> None:
    """Write a sellers.yaml of German sellers, whose night is half a day away; `fields` come on top of each."""
    night = f"{utc_now() + timedelta(hours=12):%H:%M}"
    lines = ["sellers:"]
    for seller_id in seller_ids:
        entry = {"id": seller_id, "name": seller_id, "region": "eu", "marketplaces": "[DE]", "language": "en"}
        entry |= {"contacts": f"[{seller_id}@seller.example]", "timezone": "UTC", "run_at": f'"{night}"', **fields}
        lines += ["  -", *(f"    {name}: {value}" for name, value in entry.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def bench_stack(
    folder: Path, order_files: Mapping[str, Path], rate_scale: float, progress: Progress, **fields: str
) -> Iterator[tuple[Stack, list[Seller]]]:
    """Start a stack of its own for these sellers and give them their Connections; end it with the block."""
    write_sellers(folder / "sellers.yaml", list(order_files), **fields)
    settings = on_free_ports(folder / "run", rate_scale=rate_scale, order_files=dict(order_files))
    product = load_settings({"SELLERS_FILE": str(folder / "sellers.yaml")})
    sellers = [entry for entry in load_sellers(product.sellers_file) if isinstance(entry, Seller)]
    with running_stack(settings, product, progress) as stack:
        if stack.amazon is None:
            raise RuntimeError("The stack has no fake Amazon.")
        with progress.step(f"Connections ({len(sellers)})"):
            create_absent_connections(stack.airflow, stack.amazon, sellers)
        with progress.step(f"DAGs ({len(sellers)})"):
            if paused := paused_sellers(stack, sellers):
                raise RuntimeError(f"{paused[0].dag_id} is paused.")
        yield stack, sellers
