"""Settings of channels and servers that both ends have to agree on."""

import json
from typing import Final

MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
"""A request for a million showers fits; answers stay under 4 MiB, which every client's default takes."""

SHOWERS_PER_CHUNK: Final = 512
"""Showers in one message of a stream: about 1 MB, where throughput is best."""

SHOWERS_PER_CALL: Final = 3 * SHOWERS_PER_CHUNK
"""Showers in one answer: 3.1 MB of cells. With a reason for each that failed it is still below 4 MiB."""

_MESSAGE_LIMITS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]

SERVER_OPTIONS: Final = [
    *_MESSAGE_LIMITS,
    ("grpc.so_reuseport", 0),  # a second server on the same port is an error, not a silent partner
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
    ("grpc.keepalive_permit_without_calls", 1),
    # Callers connect anew now and then, calls under way being finished first. It makes them look their name up again,
    # which is how they learn of replicas that came after them.
    ("grpc.max_connection_age_ms", 10_000),
]

CHANNEL_OPTIONS: Final = [
    *_MESSAGE_LIMITS,
    # With $http_proxy set, gRPC would look for its peers behind it, even on this machine.
    ("grpc.enable_http_proxy", 0),
    ("grpc.dns_ares_query_timeout", 2_000),  # a name server that is silent must not hold up a call for long
    # A peer that vanishes without a word is noticed; one that comes back is found within a second.
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.keepalive_timeout_ms", 2_000),  # also how long TCP may wait for an acknowledgement
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.http2.max_pings_without_data", 0),  # no limit
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),  # also how long connecting may take: busy servers need time, frozen ones
    ("grpc.max_reconnect_backoff_ms", 1000),
]

_GENERATOR_SERVICE: Final = "caloserve.v1.ShowerGeneratorService"

_REPLICAS: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": _GENERATOR_SERVICE},
    # Showers depend on nothing but what is asked, so any call may be made again elsewhere.
    "methodConfig": [
        {
            "name": [{"service": _GENERATOR_SERVICE}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                # CANCELLED is what a server that is about to end answers; a caller that cancels is not asked again.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    # While most calls fail, retries only make it worse.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
}

REPLICAS_OPTIONS: Final = [
    *CHANNEL_OPTIONS,
    ("grpc.service_config", json.dumps(_REPLICAS)),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # What was sent is kept for a retry; by default, 256 kB of it.
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
]
"""For a name behind which several replicas of a generator may stand: calls go round those that are serving."""
