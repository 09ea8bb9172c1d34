"""A collector of OpenTelemetry's for tests: takes metrics as OTLP over HTTP on loopback and adds them up."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

Series = tuple[str, str]


class Collector:
    """What has arrived.

    Attributes:
        url: Where metrics are sent to.
        sums: By metric and seller, every delta of a counter added up; what is no delta cannot be added.
        gauges: By metric and seller, the last value.
        tags: By metric, the names of all tags it came with.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.sums: dict[Series, int] = defaultdict(int)
        self.gauges: dict[Series, float] = {}
        self.tags: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        """Add a request up."""
        request = ExportMetricsServiceRequest.FromString(body)
        scopes = (scope for resource in request.resource_metrics for scope in resource.scope_metrics)
        with self._lock:
            for metric in (metric for scope in scopes for metric in scope.metrics):
                for point in [*metric.sum.data_points, *metric.gauge.data_points]:
                    tags = {tag.key: tag.value.string_value for tag in point.attributes}
                    self.tags[metric.name] |= tags.keys()
                    series = metric.name, tags.get("seller", "")
                    if metric.HasField("gauge"):
                        self.gauges[series] = point.as_double or float(point.as_int)
                    elif metric.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA:
                        self.sums[series] += int(point.as_int or point.as_double)


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield found
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
