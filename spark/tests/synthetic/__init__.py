"""Tests of the synthetic landing data; a package, so that its conftest is not the shared one."""
