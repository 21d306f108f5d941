import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { LoadTool } from '#bench/load/load.js';
import { measure, type Plan } from '#bench/measure.js';
import type { Server } from '#bench/process/server.js';
import { JSON_BARE } from './kit.js';

describe('a measurement', () => {
  let http: HttpServer;
  let url: string;

  before(async () => {
    http = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(request.url?.startsWith('/wrong') ? '{}' : '{"message":"Hello, World!"}');
    }).listen(0, '127.0.0.1');
    await once(http, 'listening');
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });

  after(() => void http.close());

  /** A server that is this process. */
  const server = (name: string, path = ''): Server => ({
    name,
    pid: process.pid,
    url: url + path,
    readyLine: '',
    started: 0,
    stop: async () => undefined,
  });

  interface FakeTool extends LoadTool {
    readonly loaded: readonly string[];
    /** The connections of every load. */
    readonly connections: readonly number[];
  }

  /** Runs as a load tool; records whom it loads. */
  function toolThat(run: (url: string, turn: number) => number): FakeTool {
    const loaded: string[] = [];
    const connections: number[] = [];
    return {
      name: 'fake',
      loaded,
      connections,
      async run(request) {
        loaded.push(new URL(request.url).pathname.slice(1));
        connections.push(request.connections);
        request.window.begin();
        request.window.end();
        const completed = run(request.url, loaded.length);
        return { completed, failed: 1, perSecond: 10, p50Ms: 1, p99Ms: 2 };
      },
    };
  }

  async function run(
    tool: LoadTool,
    servers: readonly Server[],
    rounds: number,
    more: Pick<Plan, 'connectionsOf'> = {},
  ) {
    const excluded: string[] = [];
    const plan: Plan = {
      tool,
      rounds,
      seconds: 1,
      connections: 1,
      signal: new AbortController().signal,
      progress: () => undefined,
      exclude: (name, reason) => void excluded.push(`${name}: ${reason}`),
      ...more,
    };
    return { measured: await measure(JSON_BARE, servers, plan), excluded };
  }

  it('loads every server once a round, in an order that shifts, after a warm-up', async () => {
    const tool = toolThat(() => 1);
    const { measured } = await run(tool, [server('a', '/a?'), server('b', '/b?'), server('c', '/c?')], 2);
    expect(tool.loaded).to.deep.equal('abcabcbca'.split(''));
    expect(measured.map((one) => `${one.server} ${one.samples.length}`)).to.deep.equal(['a 2', 'b 2', 'c 2']);
  });

  it('loads each server by the connections of the plan, or by those that the plan has for it', async () => {
    const servers = [server('few', '/few?'), server('many', '/many?')];
    const same = toolThat(() => 1);
    await run(same, servers, 1);
    expect(same.connections).to.deep.equal([1, 1, 1, 1]);
    const own = toolThat(() => 1);
    await run(own, servers, 1, { connectionsOf: ({ name }) => (name === 'many' ? 500 : 3) });
    expect(own.connections, 'the warm-up included').to.deep.equal([3, 500, 3, 500]);
  });

  it('excludes a server that sends another body, with the reason', async () => {
    const { measured, excluded } = await run(
      toolThat(() => 1),
      [server('good'), server('bad', '/wrong?')],
      1,
    );
    expect(measured.map((one) => one.server)).to.deep.equal(['good']);
    expect(excluded).to.have.length(1);
    expect(excluded[0]).to.match(/^bad: json \(bare\): sent another body for \/json/);
  });

  it('excludes a server that cannot be reached, and one that completes nothing in a later round', async () => {
    const gone: Server = { ...server('gone'), url: 'http://127.0.0.1:9' };
    // The warm-up is turn 1 for the one server and turn 2 for the other.
    const tool = toolThat((_url, turn) => (turn === 5 ? 0 : 1));
    const { measured, excluded } = await run(tool, [server('a'), gone, server('b')], 3);
    expect(excluded.map((text) => text.slice(0, 5))).to.deep.equal(['gone:', 'b: js']);
    expect(measured.map((one) => `${one.server} ${one.samples.length}`)).to.deep.equal(['a 3']);
  });
});
