"""Every event on the bus: one module per family, CloudEvents 1.0 in Kafka binary mode.

Read ``base`` for how an event becomes a record and back, ``vocabulary`` for the words, and the family
modules for the facts themselves. ``catalog.EVENT_TYPES`` is the table of all types.
"""
