"""OpenTelemetry: the spans, metrics and logs of a run, as OTLP's own messages."""
