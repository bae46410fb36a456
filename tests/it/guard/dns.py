"""Answers every A question on 127.0.0.1:53 with the address that the file `address` holds; TTL 1 s."""
import socket, struct
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
while True:
    question, client = server.recvfrom(512)
    end = 12
    while question[end]:
        end += question[end] + 1
    kind = struct.unpack(">H", question[end + 1 : end + 3])[0]
    address = socket.inet_aton(open("address").read().strip()) if kind == 1 else b""
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + address if address else b""
    counts = struct.pack(">HHHH", 1, 1 if answer else 0, 0, 0)
    server.sendto(question[:2] + b"\x84\x00" + counts + question[12 : end + 5] + answer, client)
