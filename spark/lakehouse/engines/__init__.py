"""Compute and storage: the engines that runs use, and what they need on a machine.

Knows sessions, jars, Delta commands and file layouts; never why a table runs, nor its name.
"""
