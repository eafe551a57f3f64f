"""Support for the end-to-end tests: processes, Consul, Patroni's writes, upstream servers, clients, a proxy that records times.

Needs Python 3 and dnspython as packaged by Debian, nothing else. Each module answers one question. The test files in tests/e2e
import them by name.
"""
