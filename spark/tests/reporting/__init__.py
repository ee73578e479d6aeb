"""Tests of the report, the catalogue, Data Docs and the answer in the terminal."""
