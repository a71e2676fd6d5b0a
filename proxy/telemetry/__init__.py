"""What the service tells of itself while it runs: metrics for Prometheus, traces for OpenTelemetry."""
