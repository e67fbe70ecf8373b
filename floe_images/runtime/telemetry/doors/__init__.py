"""The ways out: OTLP over gRPC, OTLP and OpenLineage over HTTP, OpenLineage into a file or the log."""
