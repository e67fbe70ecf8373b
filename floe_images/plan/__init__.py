"""Spec + Lock → Plan: which layers an image has and what is in each. Pure: no file is opened, nothing is fetched."""
