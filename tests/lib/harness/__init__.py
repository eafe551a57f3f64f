"""Support for the end-to-end tests: processes, Consul, Patroni's habits, upstreams, clients, a proxy with a clock.

Python 3 and dnspython as Debian ships them; nothing else. One module answers one question; the test files in tests/e2e
import them by name.
"""
