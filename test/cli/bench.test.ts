import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { cpuPerRequest } from '#src/cli/process-cpu.js';
import { multilane, Project } from '#test/support/cli.js';

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
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
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
    const project = new Project({
      'package.json': '{}',
      'node_modules/autocannon/package.json': '{ "main": "index.js" }',
      'node_modules/autocannon/index.js': "throw new Error('it does not load')",
    });
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
    expect(run.stdout).to.include('There was no response: does the server run?');
  });

  it('divides CPU time by the requests that the process has served, if it is the one that was measured', () => {
    const before = { seconds: 10, requests: 1_000 };
    expect(cpuPerRequest(before, { seconds: 11, requests: 11_000 }, 10_000)).to.equal(100);
    expect(cpuPerRequest(before, { seconds: 11, requests: 1_005 }, 10_000)).to.equal(undefined);
    expect(cpuPerRequest(before, { seconds: 11, requests: 1_000 }, 0)).to.equal(undefined);
  });
});
