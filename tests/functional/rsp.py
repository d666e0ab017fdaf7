# SPDX-License-Identifier: MIT
"""A client of GDB's remote serial protocol, as far as tests need it."""
import re
import socket
import time

from harness import PATIENCE, TestFailure


class Client:
    def __init__(self, path, timeout=30):
        timeout *= PATIENCE
        deadline = time.monotonic() + timeout
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(timeout)
        self.buffer = b''
        self.acks = True
        self.console = ''

    def close(self):
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def byte(self):
        if not self.buffer:
            self.buffer = self.socket.recv(65536)
            if not self.buffer:
                raise TestFailure('the GDB server closed the connection')
        first, self.buffer = self.buffer[:1], self.buffer[1:]
        return first

    def packet(self):
        """The content of the next packet; its check sum is looked at."""
        while self.byte() != b'$':
            pass
        content = b''
        while (byte := self.byte()) != b'#':
            content += byte
        said = int(self.byte() + self.byte(), 16)
        if said != sum(content) & 0xff:
            raise TestFailure(f'check sum {said:#x} of {content!r}')
        if self.acks:
            self.raw(b'+')
        return re.sub(rb'}(.)', lambda m: bytes([m[1][0] ^ 0x20]), content, flags=re.S)

    def send(self, content):
        if isinstance(content, str):
            content = content.encode()
        self.raw(b'$' + content + b'#%02x' % (sum(content) & 0xff))

    def ask(self, content):
        self.send(content)
        while (answer := self.packet()).startswith(b'O') and answer != b'OK':
            self.console += bytes.fromhex(answer[1:].decode()).decode()
        return answer.decode('latin-1')

    def no_acks(self):
        answer = self.ask('QStartNoAckMode')
        self.acks = False
        return answer

    def read(self, address, length):
        answer = self.ask(f'm{address:x},{length:x}')
        if answer.startswith('E'):
            return None
        return bytes.fromhex(answer)

    def write(self, address, data):
        return self.ask(f'M{address:x},{len(data):x}:{data.hex()}')

    def document(self, name):
        text, offset = '', 0
        while True:
            answer = self.ask(f'qXfer:features:read:{name}:{offset:x},300')
            if answer[:1] not in 'lm' or not answer:
                raise TestFailure(f'{name}: {answer!r}')
            text += answer[1:]
            offset += len(answer) - 1
            if answer[0] == 'l':
                return text

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f'p{number:x}')), 'little')

    def set_register(self, number, value, size=8):
        return self.ask(f'P{number:x}={value.to_bytes(size, "little").hex()}')
