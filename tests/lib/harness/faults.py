"""Which faults can a reply of Consul have on its way to lictor? One table; the e2e topic `consul_faults` and the soak play its rows.

A fault is a function of the request's path and the agent's Reply; it returns the Reply or the Bytes that lictor gets instead. Where the whole
response must be refused, its content is a lie (addresses that were never registered), so that an answer shows if it was used.
"""

import base64
import collections
import gzip
import json
import re
import zlib

from .relay import HALF, HELD, RESET, Bytes, as_bytes

LIE_PATH = "/lie"   # lictor must not follow a redirection to it
LIE = "10.66."      # no instance, node or member ever has an address that begins like this

Fault = collections.namedtuple("Fault", "group name make every")
Fault.__doc__ = """`make()` returns the function for one use of the fault, which may keep state. `every`: whether each reply has the fault; otherwise
only the first one for each path, and the next reply decides."""

FAULTS = []


def fault(group, name, every=True, state=False):
    """Adds a row to the table. With `state`, the decorated function makes the fault's function."""
    def add(function):
        FAULTS.append(Fault(group, name, function if state else lambda: function, every))
        return function
    return add


def groups():
    """The names of the groups, in the order of the table."""
    return list(dict.fromkeys(row.group for row in FAULTS))


# ---- parts of replies

_ADDRESS = re.compile(rb"10\.\d+\.(\d+\.\d+)")


def _lied(body):
    return _ADDRESS.sub(LIE.encode() + rb"\1", body)


def lied(reply):
    """The reply with every address of the tests' catalogs (10.0.0.0/8) replaced, also in the values of keys."""
    body = reply.body
    if b'"Value"' in body:
        def value(match):
            return b'"Value":"' + base64.b64encode(_lied(base64.b64decode(match.group(1)))) + b'"'
        body = re.sub(rb'"Value":"([A-Za-z0-9+/=]*)"', value, body)
    return reply._replace(body=_lied(body))


def header(reply, name, *values):
    """The reply with these headers of that name, and no others. No value: without the header."""
    kept = [(key, value) for key, value in reply.headers if key.lower() != name.lower()]
    return reply._replace(headers=kept + [(name, value) for value in values])


def index_of(reply):
    return int(next((value for key, value in reply.headers if key.lower() == "x-consul-index"), 0))


def is_list(reply):
    return reply.status == 200 and reply.body.lstrip()[:1] == b"["


def changed_list(reply, change):
    """`change` gets and returns the list in the body."""
    return reply._replace(body=json.dumps(change(json.loads(reply.body))).encode()) if is_list(reply) else reply


def chunked(reply, *tail, split=7):
    """The response in chunks; `tail` follows the chunks in place of their end."""
    size = max(1, len(reply.body) // split)
    parts = [reply.body[at:at + size] for at in range(0, len(reply.body), size)]
    data = as_bytes(header(reply, "Transfer-Encoding", "chunked"), b"", "")
    for part in parts:
        data += f"{len(part):x}\r\n".encode() + part + b"\r\n"
    return Bytes(data + (b"".join(tail) if tail else b"0\r\n\r\n"))


# ---- time and connection: the content is right, or there is too little of it

@fault("connection", "each reply comes 400 ms late")
def _(_path, reply):
    return Bytes(0.4, as_bytes(reply))


@fault("connection", "no byte, until the fault ends")
def _(_path, reply):
    return Bytes(HELD, as_bytes(reply))


@fault("connection", "half of the body, then no byte until the fault ends")
def _(_path, reply):
    data = as_bytes(reply)
    return Bytes(data[:len(data) - len(reply.body) // 2], HELD, data[len(data) - len(reply.body) // 2:])


@fault("connection", "one byte each 50 ms")
def _(_path, reply):
    steps = [step for byte in as_bytes(lied(reply))[:200] for step in (bytes((byte,)), 0.05)]
    return Bytes(*steps)


@fault("connection", "reset without a reply")
def _(_path, _reply):
    return Bytes(RESET)


@fault("connection", "reset within the header")
def _(_path, reply):
    return Bytes(as_bytes(lied(reply))[:60], RESET)


@fault("connection", "reset within the body")
def _(_path, reply):
    data = as_bytes(lied(reply))
    return Bytes(data[:-1], 0.01, RESET)


@fault("connection", "closed without a reply")
def _(_path, _reply):
    return Bytes()


@fault("connection", "closed one way within the body")
def _(_path, reply):
    return Bytes(as_bytes(lied(reply))[:-1], HALF)


@fault("connection", "cut in the status line and in the header, at one place after another", state=True)
def _():
    places = iter(range(10**9))
    return lambda _path, reply: Bytes(as_bytes(lied(reply))[:3 + 11 * next(places) % 200])


@fault("connection", "cut in the body, at one twentieth after another", state=True)
def _():
    places = iter(range(10**9))
    def cut(_path, reply):
        end = len(reply.body) * (next(places) % 20) // 20
        return Bytes(as_bytes(lied(reply), lied(reply).body[:end], len(lied(reply).body)))
    return cut


@fault("connection", "cut between two chunks")
def _(_path, reply):
    return chunked(lied(reply), b"")


@fault("connection", "cut within a chunk")
def _(_path, reply):
    return chunked(lied(reply), b"40\r\n  ")


@fault("connection", "a chunk whose size is no number")
def _(_path, reply):
    return chunked(lied(reply), b"zz\r\n\r\n")


@fault("connection", "a chunk whose size does not fit in 64 bits")
def _(_path, reply):
    return chunked(lied(reply), b"fffffffffffffffff\r\n\r\n")


@fault("connection", "the response twice")
def _(_path, reply):
    return Bytes(as_bytes(reply) + as_bytes(lied(reply)))


@fault("connection", "junk after the body")
def _(_path, reply):
    return Bytes(as_bytes(reply) + b"\0\xff" * 500)


@fault("connection", "the reply before this one", state=True)
def _():
    last = {}
    def older(path, reply):
        key = path.split("?")[0]
        before, last[key] = last.get(key, reply), reply
        return before
    return older


# ---- status

def _status(name, status, body=b"", *headers, lie=True):
    @fault("status", name)
    def _(_path, reply):
        given = lied(reply) if lie else reply
        return given._replace(status=status, headers=[*given.headers, *headers], body=body if body is not None else given.body)


_status("400", 400, b"Client sent an HTTP request to an HTTPS server.\n")
_status("401", 401)
_status("403 Permission denied", 403, b"rpc error making call: Permission denied: token with AccessorID 'x' lacks permission 'key:read'")
_status("403 ACL not found", 403, b"ACL not found")
_status("403 of a proxy", 403, b"<html>no</html>")


@fault("status", "404 of a proxy, without an index")
def _(_path, reply):
    # With an index it is Consul's own reply for keys that do not exist.
    return reply._replace(status=404, headers=[(name, value) for name, value in reply.headers if name.lower() != "x-consul-index"],
                          body=b"404 page not found")


_status("429", 429, b"Your IP is issuing too many concurrent connections, please rate limit your calls\n")
_status("429, try again in an hour", 429, b"", ("Retry-After", "3600"))
_status("500", 500, b"rpc error making call: EOF")
_status("500 No cluster leader", 500, b"No cluster leader")
_status("500 with the list", 500, None)
_status("502", 502, b"<html>bad gateway</html>")
_status("503", 503, b"")
_status("504", 504, b"")
_status("204", 204, b"")
_status("202 with the list", 202, None)
_status("206 with the list", 206, None, ("Content-Range", "bytes 0-9/10"))
_status("226 with the list", 226, None)
_status("300 with the list", 300, None)
_status("599 with the list", 599, None)
_status("999 with the list", 999, None)
_status("600 with the list", 600, None)


@fault("status", "500 for the service alone")
def _(path, reply):
    return reply._replace(status=500, body=b"rpc error") if "/service/web" in path else reply


@fault("status", "301 to a server that lies")
def _(path, reply):
    return reply._replace(status=301, headers=[("Location", LIE_PATH + path)], body=b"")


@fault("status", "302 to itself")
def _(path, reply):
    return reply._replace(status=302, headers=[("Location", path)], body=b"")


@fault("status", "101 to another protocol")
def _(_path, reply):
    return Bytes(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + as_bytes(lied(reply)))


@fault("status", "no number")
def _(_path, reply):
    return Bytes(as_bytes(lied(reply)).replace(b"HTTP/1.1 200", b"HTTP/1.1 abc", 1))


@fault("status", "no status line (HTTP/0.9)")
def _(_path, reply):
    return Bytes(lied(reply).body)


@fault("status", "HTTP/3.7")
def _(_path, reply):
    return Bytes(as_bytes(lied(reply)).replace(b"HTTP/1.1", b"HTTP/3.7", 1))


@fault("status", "HTTP/1.0, the end of the connection ends the body")
def _(_path, reply):
    return Bytes(as_bytes(reply, length="").replace(b"HTTP/1.1", b"HTTP/1.0", 1))


@fault("status", "ten thousand interim responses before the reply")
def _(_path, reply):
    return Bytes(b"HTTP/1.1 102 X\r\n\r\n" * 10_000 + as_bytes(lied(reply)))


# ---- X-Consul-Index

def _index(name, *values, lie=True):
    @fault("index", name)
    def _(_path, reply):
        if not index_of(reply):
            return reply
        return header(lied(reply) if lie else reply, "X-Consul-Index", *values)


_index("no index")
_index("an empty index", "")
_index("a negative index", "-5")
_index("a word as index", "abc")
_index("a fraction as index", "1.5")
_index("an index in hexadecimal", "0x10")
_index("an index that does not fit in 64 bits", "18446744073709551616")
_index("index 2^64-1", "18446744073709551615", lie=False)
_index("index 2^63", "9223372036854775808", lie=False)
_index("index 0", "0", lie=False)
_index("index 1", "1", lie=False)


@fault("index", "the index goes back by ten, and further", state=True)
def _():
    turn = iter(range(1, 10**9))
    return lambda _path, reply: header(reply, "X-Consul-Index", str(max(1, index_of(reply) - 10 * next(turn)))) if index_of(reply) else reply


@fault("index", "the index is that of the reply before", state=True)
def _():
    last = {}
    def before(path, reply):
        if not index_of(reply):
            return reply
        key = path.split("?")[0]
        held, last[key] = last.get(key, index_of(reply)), index_of(reply)
        return header(reply, "X-Consul-Index", str(held))
    return before


@fault("index", "the index twice, the first one is none")
def _(_path, reply):
    return header(reply, "X-Consul-Index", "x", str(index_of(reply))) if index_of(reply) else reply


# ---- lists that say too little

def _fewer(name, change, every=False, **headers):
    @fault("lists", name, every)
    def _(_path, reply):
        if not is_list(reply) or not index_of(reply):
            return reply
        given = changed_list(reply, change)
        for key, value in headers.items():
            given = header(given, key.replace("_", "-"), value)
        return given


_fewer("an empty list, once", lambda _list: [])
_fewer("null, once", lambda _list: None)
_fewer("the first entry alone, once", lambda entries: entries[:1])
_fewer("an empty list that ACLs filtered", lambda _list: [], True, X_Consul_Results_Filtered_By_ACLs="true")
_fewer("an empty list of a server without a leader", lambda _list: [], True, X_Consul_KnownLeader="false", X_Consul_LastContact="999999")
_fewer("an empty list from the agent's cache, once", lambda _list: [], X_Cache="HIT", Age="7")


@fault("lists", "404 for keys, once", every=False)
def _(path, reply):
    return reply._replace(status=404, body=b"") if "/kv/" in path else reply


@fault("lists", "404 for keys that ACLs filtered, and 403 for a single key")
def _(path, reply):
    if "/kv/" not in path:
        return reply
    if "recurse" not in path:
        return reply._replace(status=403, body=b"Permission denied: token with AccessorID 'x' lacks permission 'key:read'")
    return header(reply._replace(status=404, body=b""), "X-Consul-Results-Filtered-By-ACLs", "true")


# ---- headers

def _raw(name, change, lie=True):
    """`change` gets and returns the response as bytes."""
    @fault("headers", name)
    def _(_path, reply):
        return Bytes(change(as_bytes(lied(reply) if lie else reply)))


def _after_status(line):
    return lambda data: data.replace(b"\r\n", b"\r\n" + line, 1)


_raw("a header of 1 MB", _after_status(b"X-Long: " + b"x" * (1 << 20) + b"\r\n"))
_raw("a header line without an end", lambda data: data.split(b"\r\n")[0] + b"\r\nX-Long: " + b"x" * (1 << 20))
_raw("ten thousand headers", _after_status(b"".join(b"X-%d: x\r\n" % n for n in range(10_000))))
_raw("a NUL byte in a header", _after_status(b"X-Nul: a\0b\r\n"))
_raw("a header line without a colon", _after_status(b"no colon here\r\n"), lie=False)
_raw("Content-Length is not a number", lambda data: re.sub(rb"Content-Length: \d+", b"Content-Length: ten", data))
_raw("Content-Length is negative", lambda data: re.sub(rb"Content-Length: \d+", b"Content-Length: -1", data))
_raw("Content-Length is larger than the body", lambda data: re.sub(rb"Content-Length: (\d+)", rb"Content-Length: 9\1", data))
_raw("Content-Length is half of the body, and the list ends there",
     lambda data: re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % (len(data.split(b"\r\n\r\n", 1)[1]) // 2), data))
_raw("Content-Length is 2^63", lambda data: re.sub(rb"Content-Length: \d+", b"Content-Length: 9223372036854775808", data))
_raw("gzip as Transfer-Encoding", _after_status(b"Transfer-Encoding: gzip, chunked\r\n"))


@fault("headers", "text/html as Content-Type")
def _(_path, reply):
    return header(reply, "Content-Type", "text/html")


# ---- bodies; each has the right length

def _body(name, change, *headers, every=True):
    """`change` gets the body with lies and returns another one."""
    @fault("bodies", name, every)
    def _(_path, reply):
        if reply.status != 200:
            return reply
        given = lied(reply)
        return given._replace(body=change(given.body), headers=[*given.headers, *headers])


def _in_first_object(text):
    return lambda body: body.replace(b"{", b"{" + text, 1) if b"{" in body else b"[{" + text + b'"a":1}]'


def _values(pattern, value):
    return lambda body: re.sub(pattern, value, body) if re.search(pattern, body) else b"x"


_bomb = gzip.compress(b" " * 10_000_000)

_body("no body", lambda _body: b"")
_body("blanks", lambda _body: b" " * 1000)
_body("a page", lambda _body: b"<html><body>Sign in</body></html>")
_body("cut in the middle", lambda body: body[:len(body) // 2])
_body("all but the last byte", lambda body: body.rstrip()[:-1])
_body("a second list behind the first", lambda body: body + body)
_body("a comma too much", lambda body: body.rstrip()[:-1] + b"," + body.rstrip()[-1:])
_body("50 MB of blanks before the list", lambda body: b" " * 50_000_000 + body)
_body("a string of 40 MB", _in_first_object(b'"x":"' + b"y" * 40_000_000 + b'",'))
_body("a hundred thousand lists within each other", lambda _body: b"[" * 100_000 + b"]" * 100_000)
_body("a hundred thousand lists that do not end", lambda _body: b"[" * 100_000)
_body("a hundred thousand objects within each other", lambda _body: b'[{"a":' * 100_000)
_body("a key twice", _in_first_object(b'"Node":{"Node":"a"},"Node":{"Node":"b"},'))
_body("a NUL byte behind the list", lambda body: body + b"\0")
_body("a NUL byte within a string", lambda body: body.replace(b'"', b'"\0', 1) if b'"' in body else b"\0")
_body("invalid UTF-8", _in_first_object(b'"x":"\xff\xfe",'))
_body("half of a surrogate pair", _in_first_object(b'"x":"\\ud800",'))
_body("a byte order mark", lambda body: b"\xef\xbb\xbf" + body)
_body("UTF-16", lambda body: body.decode().encode("utf-16"))
_body("a number of ten thousand digits", _in_first_object(b'"x":1' + b"0" * 10_000 + b","))
_body("NaN", _in_first_object(b'"x":NaN,'))
_body("comments", lambda body: b"/* a */" + body)
_body("an object in place of the list", lambda body: b'{"a":' + (body or b"1") + b"}")
_body("a list of lists", lambda body: b"[" + (body or b"[]") + b"]")
_body("a list of words", lambda _body: b'["a","b"]')
_body("addresses that are numbers", _values(rb'"(Address|Value)":\s*"[^"]*"', rb'"\1":7'))
_body("addresses that are objects", _values(rb'"(Address|Value)":\s*"[^"]*"', rb'"\1":{"a":"10.66.0.1"}'))
_body("gzip that lictor did not ask for", gzip.compress, ("Content-Encoding", "gzip"))
_body("gzip of 10 MB in 10 kB", lambda _body: _bomb, ("Content-Encoding", "gzip"))
_body("deflate that lictor did not ask for", zlib.compress, ("Content-Encoding", "deflate"))
_body("br as Content-Encoding", lambda body: b"\x0b" + body, ("Content-Encoding", "br"))


class Faulty:
    """The judge of a Relay: no fault, or the one that was begun last."""

    def __init__(self):
        self._fault = None
        self._once = None       # paths that had the fault, or None if every reply has it
        self.hits = 0           # replies with the fault

    def begin(self, row):
        self._once, self.hits = None if row.every else set(), 0
        self._fault = row.make()

    def end(self):
        self._fault = None

    def __call__(self, path, ask):
        reply = ask()
        current = self._fault
        key = path.split("?")[0]
        if current is None or (self._once is not None and key in self._once):
            return reply
        given = current(path, reply)
        if given != reply:
            self.hits += 1
            if self._once is not None:
                self._once.add(key)
        return given
