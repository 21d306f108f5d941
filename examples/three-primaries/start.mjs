// Starts three primaries on this machine that share a registry and the databases, and a proxy in front of them.
//
//   node examples/three-primaries/start.mjs                                         three times all services
//   node examples/three-primaries/start.mjs users,payments,checkout orders orders   the orders service twice, alone
//   … --proxy haproxy                                                               TLS and HTTP/2 (haproxy.cfg)
//   … --proxy caddy                                                                 and HTTP/3 (Caddyfile)
//   … --config FILE                                                                 a project in place of the shop
//
// DATABASE_URL and REGISTRY are those of all three. Without the first, a PostgreSQL is started; without the second, it is the
// registry. PROXY_PORT is 8443 by default. SIGINT and SIGTERM end everything.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from 'multilane/testing';

const USAGE =
  'node start.mjs [SERVICES SERVICES SERVICES] [--proxy haproxy|caddy] [--config FILE]\n' +
  'SERVICES are those of one primary, such as users,payments; without them each has all';

function usage(reason) {
  console.error(`${reason}\n${USAGE}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { proxy: { type: 'string' }, config: { type: 'string' } },
    });
  } catch (error) {
    return usage(error.message);
  }
}

const {
  values: { proxy, config },
  positionals,
} = options();
const servicesOf = positionals.length === 0 ? ['all', 'all', 'all'] : positionals;
if (servicesOf.length !== 3) usage(`three primaries have services, and ${servicesOf.length} were given`);
if (proxy !== undefined && !['haproxy', 'caddy'].includes(proxy)) usage(`there is no proxy "${proxy}" here`);
const project = config === undefined ? ['--demo'] : ['--config', config];

const { resolve } = createRequire(import.meta.url);
const PRIMARY = join(dirname(resolve('multilane/package.json')), 'dist/primary.js');
const folder = mkdtempSync(join(tmpdir(), 'three-primaries-'));

const children = new Set();
let postgres;

/** Starts a program. @returns its process */
function start(name, program, args, env, stdio) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio });
  children.add(child);
  // It could not be started.
  child.once('error', () => children.delete(child));
  child.once('exit', (code, signal) => {
    children.delete(child);
    console.log(`${name} has ended: ${signal ?? code}`);
  });
  return child;
}

/** Ends all programs by SIGTERM, at which primaries first finish their requests. */
async function end() {
  const ended = [...children].map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(ended);
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function databaseUrl() {
  if (process.env.DATABASE_URL !== undefined) return process.env.DATABASE_URL;
  postgres = await startPostgres();
  return postgres.url;
}

/** The settings that all three have. */
function commonSettings(url) {
  return {
    DATABASE_URL: url,
    REGISTRY: process.env.REGISTRY ?? url,
    // With it `internal` routes can be called, such as those of orders by a checkout.
    MESH_TOKEN: process.env.MESH_TOKEN ?? randomBytes(24).toString('hex'),
    // The address of the proxy.
    TRUSTED_PROXIES: '127.0.0.1/32',
    // The address of the machine, if there are several.
    HOST: '127.0.0.1',
    ADVERTISE_HOST: '127.0.0.1',
    // Any that is free. With one primary on each machine, the default ones will do.
    PORT: '0',
    ADMIN_PORT: '0',
    GRPC_PORT: '0',
    WORKERS: process.env.WORKERS ?? '1',
  };
}

/** Starts a primary. @returns its port, once it is ready */
async function startPrimary(number, services, settings) {
  const own = { DATA_DIR: join(folder, `data-${number}`), ...(services !== 'all' && { SERVICES: services }) };
  const args = [PRIMARY, ...project];
  const env = { ...settings, ...own };
  const child = start(`primary ${number}`, process.execPath, args, env, ['ignore', 'pipe', 'pipe']);
  child.stdout.pipe(createWriteStream(join(folder, `primary-${number}.log`)));
  for await (const line of createInterface({ input: child.stderr })) {
    const [, url, admin] = /^multilane ready (\S+) admin (\S+)$/.exec(line) ?? [];
    if (url === undefined) {
      console.error(`primary ${number}: ${line}`);
      continue;
    }
    console.log(`primary ${number} ${url} admin ${admin} pid ${child.pid} services ${services}`);
    child.stderr.resume();
    return new URL(url).port;
  }
  throw new Error(`primary ${number} has ended before it was ready`);
}

/** Writes a certificate for this machine, with its key. @returns the file */
function makeCertificate() {
  const [file, key] = [join(folder, 'proxy.pem'), join(folder, 'proxy.key')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const args = ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', file];
  execFileSync('openssl', args, { stdio: 'pipe' });
  appendFileSync(file, readFileSync(key));
  return file;
}

const PROXIES = {
  haproxy: ['-db', '-f', join(import.meta.dirname, 'haproxy.cfg')],
  caddy: ['run', '--config', join(import.meta.dirname, 'Caddyfile'), '--adapter', 'caddyfile'],
};

/** Whether a connection to a port of this machine is accepted. */
async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function startProxy(name, ports) {
  const args = PROXIES[name];
  const { PROXY_PORT = '8443', CERTIFICATE = makeCertificate() } = process.env;
  const [PORT_1, PORT_2, PORT_3] = ports;
  const state = { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const own = { PROXY_PORT, CERTIFICATE, PORT_1, PORT_2, PORT_3, ...state };
  const child = start(name, name, args, own, ['ignore', 'inherit', 'inherit']);
  await once(child, 'spawn');
  while (!(await accepts(PROXY_PORT))) {
    if (!children.has(child)) throw new Error(`${name} has ended before it was ready`);
    await sleep(50);
  }
  console.log(`${name} https://127.0.0.1:${PROXY_PORT} certificate ${CERTIFICATE}`);
}

async function startAll() {
  const settings = commonSettings(await databaseUrl());
  const ports = await Promise.all(servicesOf.map((services, at) => startPrimary(at + 1, services, settings)));
  if (proxy !== undefined) await startProxy(proxy, ports);
}

const signalled = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
});
let code = 0;
try {
  await Promise.race([startAll(), signalled]);
  await signalled;
} catch (error) {
  console.error(error.message);
  code = 1;
}
await end();
process.exit(code);
