"""What `make story AWS=1` looks at besides: pages lie in the bucket and tokens in Secrets Manager, and nowhere else."""

from __future__ import annotations

from include.local_stack.aws import BUCKET, LocalAws
from include.local_stack.stack import Stack
from include.local_stack.story_way import StoryError
from include.sellers.registry import Seller
from include.warehouse.connection import connect

RECORDED = (
    "SELECT page_url FROM ops.landed_page UNION SELECT document_url FROM ops.report WHERE document_url IS NOT NULL"
)


def check_pages(stack: Stack, aws: LocalAws) -> int:
    """Check that every page on record is one object, and that there is nothing else; returns how many there are."""
    with connect(stack.loader_dsn) as connection:
        recorded = {str(row[0]) for row in connection.execute(RECORDED).fetchall()}
    objects = {f"s3://{BUCKET}/{name}" for name, _ in aws.pages()}
    if not objects or recorded != objects:
        raise StoryError(f"it should be that {len(recorded)} pages are as many objects, but there are {len(objects)}.")
    on_disk = [path for path in (stack.settings.run_dir / "raw").rglob("*") if path.is_file()]
    if on_disk:
        raise StoryError(f"it should be that no page is on this disk, but {on_disk[0].name} is.")
    return len(objects)


def check_tokens(stack: Stack, aws: LocalAws, renewed: Seller) -> None:
    """Check that Airflow's own store holds no Connection, and that a renewed seller's secret was replaced once."""
    kept = stack.airflow.connection_ids("")
    if kept:
        raise StoryError(f"it should be that Airflow's own store holds no Connection, but: {', '.join(sorted(kept))}.")
    versions = aws.token_versions(renewed.connection_id)
    if versions != 2:
        raise StoryError(f"it should be that the token was replaced once, but it has {versions} versions.")
