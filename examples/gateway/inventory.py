"""The inventory service, with nothing but Python. It registers itself, and removes itself when it is stopped.

    python3 inventory.py [ADMIN]     the admin plane of a process of Multilane, http://localhost:9901 by default
"""
import json
import os
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADMIN = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:9901'
INSTANCE = f'{ADMIN}/registry/v1/services/inventory/instances/python-{os.getpid()}'
TTL_SECONDS = 30
ITEMS = {7: {'id': 7, 'name': 'pen', 'stock': 3}, 8: {'id': 8, 'name': 'ink', 'stock': 0}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.path == '/health':
            return self.respond(200, {'ok': True})
        start, _, number = self.path.partition('/items/')
        item = ITEMS.get(int(number)) if start == '' and number.isdigit() else None
        return self.respond(200, item) if item else self.respond(404, {'error': 'There is no such item.'})

    def respond(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def admin(method, url, value=None):
    body = None if value is None else json.dumps(value).encode()
    headers = {'content-type': 'application/json'}
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=5).close()


def register():
    instance = {'host': '127.0.0.1', 'port': server.server_port, 'healthCheckUrl': '/health', 'ttlSeconds': TTL_SECONDS}
    admin('PUT', INSTANCE, instance)


def renew():
    # The same registration again is a heartbeat. It also registers anew where the process was restarted.
    while not stopped.wait(TTL_SECONDS / 3):
        try:
            register()
        except OSError as error:
            print(f'could not register: {error}', file=sys.stderr, flush=True)


server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
stopped = threading.Event()
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: stopped.set())
threading.Thread(target=server.serve_forever, daemon=True).start()
register()
print(f'inventory is registered, on port {server.server_port}', flush=True)
threading.Thread(target=renew, daemon=True).start()
stopped.wait()
admin('PUT', f'{INSTANCE}/drain')  # no new requests from now on; those under way are finished
server.shutdown()
admin('DELETE', INSTANCE)
