"""floe: from one floe.yaml to a hardened, reproducible data platform image that also runs without internet."""

__version__ = "0.1.0"
