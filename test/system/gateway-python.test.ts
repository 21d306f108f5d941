// A service in another language behind the gateway: the HTTP server of Python, which speaks HTTP/1.0.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { useCluster } from '#test/support/use-cluster.js';
import { RELAYED } from './fixtures/paths.js';

const PYTHON = 'python3';
const SERVER = `
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get('content-length', 0))
        body = self.rfile.read(length).decode()
        seen = {'path': self.path, 'body': body, 'for': self.headers.get('x-forwarded-for')}
        text = json.dumps(seen).encode()
        self.send_response(200)
        if not self.path.startswith('/unsized'):
            self.send_header('content-length', str(len(text)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(text)
    do_GET = do_HEAD = do_DELETE = do_POST
    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
`;

describe('a service in Python behind the gateway', () => {
  let python: ChildProcess | undefined;
  const cluster = useCluster({ config: RELAYED });
  before(async function () {
    if (spawnSync(PYTHON, ['--version']).error !== undefined) this.skip();
    python = spawn(PYTHON, ['-c', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = (await once(createInterface({ input: python.stdout! }), 'line')) as [string];
    const instance = `${cluster.adminUrl}/registry/v1/services/things/instances/py`;
    await json(await put(instance, { host: '127.0.0.1', port: Number(port), ttlSeconds: 3600 }), 201);
  });
  after(() => python?.kill());

  for (const path of ['/sized?x=1', '/unsized']) {
    it(`is called, and responds: ${path}`, async () => {
      const url = `${cluster.url}/svc/things${path}`;
      const body = 'x'.repeat(100_000);
      const posted = await fetch(url, { method: 'POST', body });
      expect(await json(posted)).to.deep.equal({ path, body, for: '127.0.0.1' });
      expect(await json(await get(url))).to.deep.equal({ path, body: '', for: '127.0.0.1' });
      const head = await fetch(url, { method: 'HEAD' });
      expect(`${head.status} ${await head.text()}`).to.equal('200 ');
    });
  }
});
