"""Topics as they happen: batch after batch, and a broker of the lake's own for whoever runs none.

Each batch is an ordinary run of the tables that follow. Schemas that senders agreed on stand in a
registry: the lake's own, or one behind a URL.
"""
