"""The embedded builder: packages are data, unpacked for the target platform, never executed but to make bytecode."""
