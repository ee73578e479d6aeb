"""Topics as they happen: the broker of the lake's own, and the topics on any broker.

Stands above the engine as serving does; where brokers are is known to `lakehouse.io.kafka`.
"""
