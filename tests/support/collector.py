"""An OpenTelemetry collector on loopback that keeps what it is told, decoded by OpenTelemetry's own messages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What was told; `bodies` are all requests as they came."""

    url: str = ""
    location: str = ""
    """Where requests are pointed to, if anywhere."""
    bodies: list[bytes] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, path: str, body: bytes) -> None:
        """Keep a request."""
        self.bodies.append(body)
        if path.endswith("/v1/traces"):
            for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in spans.scope_spans:
                    self.spans += (
                        {"name": span.name, "error": span.status.code == 2, **_plain(span.attributes)}
                        for span in scope.spans
                    )
        else:
            for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (metric for scope in found.scope_metrics for metric in scope.metrics):
                    points = metric.histogram.data_points or metric.sum.data_points
                    self.metrics[metric.name] = [_point(point) for point in points]


@contextmanager
def collector(location: str = "") -> Iterator[Collector]:
    """Take OTLP over HTTP until the block ends."""
    state = Collector(location=location)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding"):
                raise AssertionError("compressed")
            state.take(self.path, body)
            self.send_response(307 if state.location else 200)
            if state.location:
                self.send_header("location", state.location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _plain(attributes: Any) -> dict[str, Any]:
    plain = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind)
        plain[attribute.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return plain


def _point(point: Any) -> dict[str, Any]:
    value = point.sum if hasattr(point, "bucket_counts") else point.as_double or point.as_int
    return {"value": value, **_plain(point.attributes)}
