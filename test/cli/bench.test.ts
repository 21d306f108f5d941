import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createSocketServer,
  type Socket,
  type Server as SocketServer,
} from 'node:net';
import { expect } from 'chai';
import { cpuPerRequest } from '#src/cli/process-cpu.js';
import { multilane, Project } from '#test/support/cli.js';

/** A project whose load generator is this code. */
const projectWith = (autocannon: string): Project =>
  new Project({
    'package.json': '{}',
    'node_modules/autocannon/package.json': '{ "main": "index.js" }',
    'node_modules/autocannon/index.js': autocannon,
  });

const urlOf = (server: SocketServer): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

/** Sends the process a signal each time that a text of the list appears on its stderr. */
const interruptAt =
  (...texts: readonly string[]) =>
  (child: ChildProcess): void => {
    let written = '';
    const waiting = [...texts];
    child.stderr!.on('data', (chunk: Buffer) => {
      written += chunk.toString();
      if (waiting.length === 0 || !written.includes(waiting[0]!)) return;
      waiting.shift();
      child.kill('SIGINT');
    });
  };

describe('multilane bench', () => {
  let server: Server;
  let url: string;
  const seen: string[] = [];
  before(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push(`${request.method} ${String(request.headers['x-a'])} ${body}`);
        response.statusCode = 418;
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = urlOf(server);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('sends the requests that its options describe, and counts the responses', async () => {
    const run = await multilane([
      ...['bench', url, '--duration', '1', '--connections', '2', '--json'],
      ...['--header', 'x-a: b', '--body', 'text'],
    ]);
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stderr).to.equal(`multilane: 1 s of requests to ${url} over 2 connections\n`);
    const result = JSON.parse(run.stdout) as {
      requests: number;
      statusCodes: Record<string, number>;
      latencyMs: Record<string, number>;
    };
    expect(result).to.containSubset({ method: 'POST', errors: 0, cpuPerRequestUs: null });
    expect(result.requests).to.be.greaterThan(0);
    expect(result.statusCodes['418']).to.equal(result.requests);
    expect(Object.keys(result.latencyMs)).to.deep.equal(['p50', 'p90', 'p99', 'max']);
    expect(new Set(seen)).to.deep.equal(new Set(['POST b text']));
  });

  it('says nothing of requests before the load generator is there', async () => {
    const project = projectWith("throw new Error('it does not load')");
    const run = await multilane(['bench', url], { cwd: project.folder });
    project.remove();
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(/^multilane: Error: it does not load/);
  });

  for (const [what, args, says] of [
    ['another machine', ['http://192.0.2.1/'], /192\.0\.2\.1 is not this machine: .*--allow-remote/],
    ['a name that only looks local', ['http://localhost.example/'], /localhost\.example is not this machine/],
    ['what is no URL', ['localhost:8080'], /"localhost:8080" is not like http:\/\//],
    ['a duration of 0', ['http://127.0.0.1:1/', '--duration', '0'], /whole number from 1 to 3600/],
    ['a method that is none', ['http://127.0.0.1:1/', '--method', 'foo'], /--method.*'foo'.*one of GET, /],
    ['a header without a value', ['http://127.0.0.1:1/', '--header', 'x'], /It is like 'accept: /],
  ] as const) {
    it(`refuses ${what} with exit code 2`, async () => {
      const run = await multilane(['bench', ...args]);
      expect(run).to.include({ code: 2, stdout: '' });
      expect(run.stderr).to.match(says);
    });
  }

  it('fails when nothing responds', async () => {
    const run = await multilane(['bench', 'http://127.0.0.1:1/', '--duration', '1', '--connections', '1']);
    expect(run.code).to.equal(1);
    expect(run.stdout).to.match(/errors +\d+, of which 0 timeouts \(ECONNREFUSED: \d+\)/);
    expect(run.stdout).to.match(/latency +-\n/);
    expect(run.stdout).to.include('There was no response: does the server run?');
  });

  it('ends in time, with exit code 1, when the server accepts connections and sends nothing', async () => {
    const silent = createSocketServer(() => undefined);
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const run = await multilane(['bench', urlOf(silent), '--duration', '1', '--connections', '3', '--json']);
    silent.close();
    expect(run.code, run.stderr).to.equal(1);
    const result = JSON.parse(run.stdout) as { notes: readonly string[] };
    const counts = { requests: 0, errors: 0, silentConnections: 3, latencyMs: null, isComplete: true };
    expect(result).to.containSubset(counts);
    expect(result.notes.join()).to.include('There was no response, and no connection has failed');
  });

  it('counts connections that the server closes instead of responding, but not those it says it will close', async () => {
    const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n';
    const servers: Readonly<Record<string, (socket: Socket, at: number) => void>> = {
      'closes each connection': (socket) => socket.end(),
      'closes it after the first response': (socket, at) =>
        at === 1 ? socket.write(`${OK}\r\nok`) : socket.end(),
      'cuts each second response': (socket, at) =>
        at % 2 === 1 ? socket.write(`${OK}\r\nok`) : socket.end(`${OK}\r\no`),
      'announces each end': (socket) => socket.end(`${OK}connection: close\r\n\r\nok`),
    };
    for (const [what, respond] of Object.entries(servers)) {
      const server = createSocketServer((socket) => {
        let at = 0;
        socket.on('error', () => undefined).on('data', () => respond(socket, ++at));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const run = await multilane([
        'bench',
        urlOf(server),
        '--duration',
        '1',
        '--connections',
        '2',
        '--json',
      ]);
      server.close();
      const { errors, errorCodes, notes } = JSON.parse(run.stdout) as {
        errors: number;
        errorCodes: Record<string, number>;
        notes: readonly string[];
      };
      const isOrderly = what === 'announces each end';
      expect(errorCodes.CLOSED ?? 0, `${what}: ${run.stdout}`).to.satisfy((n: number) => n > 0 !== isOrderly);
      expect(errors, what).to.be.at.least(errorCodes.CLOSED ?? 0);
      expect(notes.join().includes('closes connections before or within a response'), what).to.equal(
        !isOrderly,
      );
    }
  });

  it('counts connections without a response beside others with some', async () => {
    let served = 0;
    const partly = createSocketServer((socket) => {
      socket.on('error', () => undefined);
      served += 1;
      if (served > 1) return;
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    });
    await once(partly.listen(0, '127.0.0.1'), 'listening');
    const run = await multilane(['bench', urlOf(partly), '--duration', '1', '--connections', '3']);
    partly.close();
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.include('2 of 3 connections received no response');
  });

  it('divides CPU time by the requests that the process has served, if it is the one that was measured', () => {
    const before = { seconds: 10, requests: 1_000 };
    expect(cpuPerRequest(before, { seconds: 11, requests: 11_000 }, 10_000)).to.equal(100);
    expect(cpuPerRequest(before, { seconds: 11, requests: 1_005 }, 10_000)).to.equal(undefined);
    expect(cpuPerRequest(before, { seconds: 11, requests: 1_000 }, 0)).to.equal(undefined);
  });

  it('refuses more connections than the limit of open files has room for, and opens as many as it has', async () => {
    const args = ['bench', url, '--duration', '1', '--connections'];
    const refused = await multilane([...args, '193'], { openFiles: 256 });
    expect(refused).to.include({ code: 2, stdout: '' });
    expect(refused.stderr).to.include(
      '--connections 193 needs 257 open files, but the limit of this process is 256, in which 192 connections fit: raise it with "ulimit -n 257"',
    );
    const run = await multilane([...args, '192'], { openFiles: 256 });
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/errors +0, of which 0 timeouts\n/);
  });

  it('ends by itself when the load generator does not', async () => {
    const project = projectWith(`module.exports = () => {
      const spin = () => process.nextTick(spin);
      spin();
      return new (require('node:events'))();
    }`);
    const run = await multilane(['bench', url, '--duration', '1'], { cwd: project.folder });
    project.remove();
    expect(run.code).to.equal(1);
    expect(run.stdout).to.include('The load generator did not end by itself, and was stopped');
  });

  it('ends at once when the load generator can only fail, and shows the reason and the counts', async () => {
    const project = projectWith(`module.exports = () => {
      const instance = new (require('node:events'))();
      const fail = () => {
        instance.emit('reqError', Object.assign(new Error('no file'), { code: 'EMFILE' }));
        process.nextTick(fail);
      };
      process.nextTick(fail);
      return instance;
    }`);
    const run = await multilane(['bench', url, '--duration', '3600'], { cwd: project.folder });
    project.remove();
    expect(run.code).to.equal(1);
    expect(run.stdout).to.match(/errors +\d{4,}, of which 0 timeouts \(EMFILE: \d{4,}\)/);
    expect(run.stdout).to.match(/could do nothing but fail with EMFILE,.*EMFILE: open fewer connections/s);
  });

  it('prints at SIGINT what was measured until then', async () => {
    const run = await multilane(['bench', url, '--duration', '3600', '--json'], {
      meanwhile: interruptAt('3600 s of requests'),
    });
    expect(run.code, run.stderr).to.equal(0);
    expect(JSON.parse(run.stdout)).to.containSubset({ errors: 0, isComplete: true });
  });

  it('ends at once at a second SIGINT', async () => {
    const project = projectWith(`module.exports = () => {
      const instance = new (require('node:events'))();
      instance.then = () => undefined;
      instance.stop = () => console.error('does not stop');
      return instance;
    }`);
    const run = await multilane(['bench', url, '--duration', '3600'], {
      cwd: project.folder,
      meanwhile: interruptAt('3600 s of requests', 'does not stop'),
    });
    project.remove();
    expect(run).to.include({ code: null, signal: 'SIGINT', stdout: '' });
  });
});
