"""Verbs that tables are made with: from frames to frames, pure.

Never runs an action, asks a clock or opens a file; knows no table.
"""
