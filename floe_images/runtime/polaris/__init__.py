"""Apache Polaris as floe.yaml describes it: desired and observed states are values, and so is what differs."""
