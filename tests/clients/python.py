"""The PyPI package toxiproxy-python 0.1.1 against a server on 127.0.0.1:8474."""

import socket
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def parrot():
    """A server that sends back what it gets; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(stream):
        with stream:
            while data := stream.recv(65536):
                stream.sendall(data)

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=talk, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def dial(proxy):
    host, port = proxy.listen.rsplit(":", 1)
    stream = socket.create_connection((host, int(port)), timeout=20)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def ping(stream, data=b"ping"):
    """How long data takes there and back, in seconds."""
    asked = time.monotonic()
    stream.sendall(data)
    left = len(data)
    while left:
        came = stream.recv(left)
        assert came, "closed"
        left -= len(came)
    return time.monotonic() - asked


def raises(kind, do):
    try:
        do()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


server = Toxiproxy()
assert server.running()
assert b"2." in server.version()
server.destroy_all()

proxy = server.create(upstream=f"127.0.0.1:{parrot()}", name="db")
raises(ProxyExists, lambda: server.create(upstream="127.0.0.1:1", name="db"))
assert list(server.proxies()) == ["db"] and proxy.enabled
assert server.get_proxy("nothing") is None

stream = dial(proxy)
ping(stream)
proxy.add_toxic(type="latency", attributes={"latency": 300, "jitter": 0})
assert ping(stream) >= 0.3, "latency comes to live connections"
proxy.add_toxic(name="line", type="bandwidth", stream="upstream", attributes={"rate": 10})
assert ping(stream, b"x" * 5000) >= 0.8, "300 ms, and 5 KB at 10 KB/s"
toxic = proxy.get_toxic("line")
assert (toxic.type, toxic.stream, toxic.toxicity) == ("bandwidth", "upstream", 1.0)
assert toxic.attributes == {"rate": 10}
assert sorted(proxy.toxics()) == ["latency_downstream", "line"]
raises(ProxyExists, lambda: proxy.add_toxic(type="latency"))
raises(InvalidToxic, lambda: proxy.add_toxic(type="nothing"))
raises(InvalidToxic, lambda: proxy.add_toxic(type="latency", stream="sideways"))
proxy.destroy_toxic("line")
raises(NotFound, lambda: proxy.destroy_toxic("line"))

with proxy.down():
    raises(ConnectionRefusedError, lambda: dial(proxy))
    assert not server.get_proxy("db").enabled
ping(dial(proxy))

proxy.add_toxic(name="limit", type="limit_data", attributes={"bytes": 10})
stream = dial(proxy)
stream.sendall(b"0123456789abcdef")
got = b""
while data := stream.recv(100):
    got += data
assert got == b"0123456789", got

server.reset()
assert proxy.toxics() == {}
other = {"name": "db", "upstream": "127.0.0.1:1", "listen": proxy.listen}
fresh = {"name": "cache", "upstream": "127.0.0.1:2", "listen": "127.0.0.1:0"}
assert [made.name for made in server.populate([other, fresh])] == ["db", "cache"]
assert server.get_proxy("db").upstream == "127.0.0.1:1"
server.destroy_all()
assert server.proxies() == {}
print("toxiproxy-python: ok")
