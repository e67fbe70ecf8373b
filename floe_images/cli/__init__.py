"""Verbs and console: options in, requests out; stdout is data, stderr is talk."""
