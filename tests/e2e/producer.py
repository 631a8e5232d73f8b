"""Writes any records into Kafka: what kcat's command line has no words for, such as a value that is
absent, bytes that are no text, lines within a record, a key that is empty."""

import ctypes
from collections.abc import Iterable

Record = tuple[bytes | None, bytes | None]  # key and value; None: the record has none

_PARTITION_OF_KEY = -1
_COPY = 2
_QUEUE_FULL = -184
_FLUSH_MS = 60_000

_delivered_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("librdkafka.so.1")
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = [ctypes.c_void_p] + 3 * [ctypes.c_char_p] + [ctypes.c_size_t]
    library.rd_kafka_conf_set_dr_msg_cb.argtypes = [ctypes.c_void_p, _delivered_type]
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_topic_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    library.rd_kafka_topic_new.restype = ctypes.c_void_p
    library.rd_kafka_produce.argtypes = [
        *[ctypes.c_void_p, ctypes.c_int32, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t],
        *[ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p],
    ]
    library.rd_kafka_poll.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_flush.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_topic_destroy.argtypes = [ctypes.c_void_p]
    library.rd_kafka_destroy.argtypes = [ctypes.c_void_p]
    library.rd_kafka_err2str.restype = ctypes.c_char_p
    return library


def produce(
    bootstrap: str, topic: str, records: Iterable[Record], *, partition: int = _PARTITION_OF_KEY
) -> None:
    """Writes them in this order, each to the partition of its key as Java picks it, unless one is
    named; returns when the broker has them all."""
    library = _library()
    failed: list[int] = []

    @_delivered_type
    def delivered(_producer, message, _opaque):
        if message[0]:  # rd_kafka_message_t begins with its error
            failed.append(message[0])

    text = ctypes.create_string_buffer(512)
    config = library.rd_kafka_conf_new()
    for name, value in {
        "bootstrap.servers": bootstrap,
        "partitioner": "murmur2_random",
        "enable.idempotence": "true",
        "message.max.bytes": "8000000",
    }.items():
        if library.rd_kafka_conf_set(config, name.encode(), value.encode(), text, len(text)) != 0:
            raise AssertionError(text.value.decode())
    library.rd_kafka_conf_set_dr_msg_cb(config, delivered)
    producer = library.rd_kafka_new(0, config, text, len(text))
    if not producer:
        raise AssertionError(text.value.decode())
    destination = library.rd_kafka_topic_new(producer, topic.encode(), None)
    try:
        for key, value in records:
            while library.rd_kafka_produce(
                *[destination, partition, _COPY, value, len(value or b"")],
                *[key, len(key or b""), None],
            ):
                error = library.rd_kafka_last_error()
                if error != _QUEUE_FULL:
                    raise AssertionError(library.rd_kafka_err2str(error).decode())
                library.rd_kafka_poll(producer, 10)
        if library.rd_kafka_flush(producer, _FLUSH_MS) != 0:
            raise AssertionError(f"{topic}: not all of it was written in {_FLUSH_MS} ms")
        if failed:
            raise AssertionError(f"{topic}: {library.rd_kafka_err2str(failed[0]).decode()}")
    finally:
        library.rd_kafka_topic_destroy(destination)
        library.rd_kafka_destroy(producer)
