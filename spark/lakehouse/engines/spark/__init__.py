"""Spark with Delta: sessions, jars, and the protocols as a session fulfils them.

The only place that builds a session or asks one for more than a frame; never knows why.
"""
