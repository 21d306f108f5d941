// docs/mcp.md: its tools, its sizes, and each row of what it says about requests and their responses.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { MCP_WITHOUT_TOKEN } from '#src/admin/mcp/mcp-route.js';
import { MAX_BODY_BYTES } from '#src/admin/request-body.js';
import { needsCurl } from '#test/support/pending.js';
import { closePlanes, plane } from '../admin/admin-fixture.js';
import { ALL_ROUTES, type McpPlane, mcpPlane, TOKEN } from '../admin/mcp/mcp-fixture.js';
import { blockOf } from './blocks.js';

const page = readFileSync('docs/mcp.md', 'utf8');
const section = (title: string): string => page.split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!;
const ROWS = [...section('The protocol').matchAll(/^\| (?!request \||---)(.+) \| (.+) \|$/gm)];

interface Seen {
  readonly status: number;
  /** JSON-RPC's number, the code of a problem, or a word of the result. */
  readonly sign?: string | number | undefined;
}
interface Tool {
  readonly name: string;
  readonly inputSchema: { readonly properties?: object; readonly required?: readonly string[] };
}
type Case = (mcp: McpPlane) => Promise<readonly Seen[]>;

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const authorization = `Bearer ${TOKEN}`;

const rpc = async (mcp: McpPlane, body: unknown, headers = {}): Promise<Seen> => {
  const { status, error, text } = await mcp.post(body, headers);
  return { status, sign: error?.code ?? problemIn(text) };
};
const problemIn = (text: string): string | undefined =>
  text.startsWith('{') ? (JSON.parse(text) as { readonly code?: string }).code : undefined;
const call = (name: string, args = {}) => ({
  ...{ ...PING, method: 'tools/call' },
  params: { name, arguments: args },
});

/** A request that `fetch` cannot send: its Host, or a body in chunks. */
const raw = (url: string, headers: Readonly<Record<string, string>>): Promise<Seen> =>
  new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { authorization, ...headers }, agent: false };
    const request = httpRequest(`${url}/mcp`, options, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode!, sign: problemIn(text) }));
    });
    request.on('error', reject);
    request.end(JSON.stringify(PING));
  });

const wrongTokens = async ({ url }: McpPlane): Promise<readonly Seen[]> => {
  const headers = { authorization: 'Bearer wrong' };
  const seen: Seen[] = [];
  for (let n = 0; n < 11; n++) {
    const response = await fetch(`${url}/mcp`, { method: 'POST', headers, body: '{}' });
    seen.push({ status: response.status, sign: problemIn(await response.text()) });
  }
  return seen;
};

/** What each row is about, by its first words. */
const CASES: Readonly<Record<string, Case>> = {
  '`initialize`': async (mcp) => {
    const { status, result } = await mcp.request('initialize', { protocolVersion: '2024-11-05' });
    return [{ status, sign: String(result!.protocolVersion) }];
  },
  'a notification': async (mcp) => [
    await rpc(mcp, { jsonrpc: '2.0', method: 'notifications/initialized' }),
    await rpc(mcp, { jsonrpc: '2.0', id: 4, result: {} }),
  ],
  '`ping`, `tools/list`, `tools/call`': async (mcp) => [
    await rpc(mcp, PING),
    await rpc(mcp, { ...PING, method: 'tools/list' }),
    await rpc(mcp, call('list_workers')),
  ],
  'another method': async (mcp) => [await rpc(mcp, { ...PING, method: 'resources/list' })],
  'an unknown tool': async (mcp) => [await rpc(mcp, call('delete_all'))],
  'arguments that': async (mcp) => [await rpc(mcp, call('list_workers', { color: 'red' }))],
  'something that a path': async (mcp) => {
    const { isError } = await mcp.tool('show_saga', { sagaId: 'no-such-saga' });
    return [{ status: 200, sign: isError ? 'isError' : 'result' }];
  },
  'a batch': async (mcp) => [await rpc(mcp, [PING]), await rpc(mcp, {})],
  '`MCP-Protocol-Version`': async (mcp) => [await rpc(mcp, PING, { 'mcp-protocol-version': '2024-11-05' })],
  '`Accept`': async (mcp) => [await rpc(mcp, PING, { accept: 'text/event-stream' })],
  'a body that is no JSON': async (mcp) => [await rpc(mcp, '{"jsonrpc"')],
  'a body of more than': async (mcp) => [await rpc(mcp, ' '.repeat(MAX_BODY_BYTES + 1))],
  'a body without': async ({ url }) => [await raw(url, { 'transfer-encoding': 'chunked' })],
  'no token': wrongTokens,
  'a `Host`': async ({ url }) => [
    await raw(url, { host: 'evil.example' }),
    await raw(url, { origin: 'https://evil.example' }),
  ],
  'another HTTP method': async ({ url }) => {
    const response = await fetch(`${url}/mcp`, { headers: { authorization } });
    return [{ status: response.status, sign: problemIn(await response.text()) }];
  },
  '`POST` or `GET` in': async () => {
    const { url } = await plane(MCP_WITHOUT_TOKEN);
    const responses = await Promise.all(['POST', 'GET'].map((method) => fetch(`${url}/mcp`, { method })));
    return Promise.all(
      responses.map(async (response) => ({
        status: response.status,
        sign: problemIn(await response.text()),
      })),
    );
  },
};

/** Of the whole admin plane: test/admin/admin-connections.test.ts. */
const TESTED_ELSEWHERE = ['any, while too many requests'];

describe('docs/mcp.md', () => {
  after(closePlanes);

  it('lists every tool with its arguments', async () => {
    const mcp = await mcpPlane(ALL_ROUTES);
    const { tools } = (await mcp.request('tools/list')).result as { readonly tools: readonly Tool[] };
    const rows = [...section('Tools').matchAll(/^\| `([a-z_]+)` \| (.*?) \| /gm)];
    const argumentsOf = ({ properties = {}, required = [] }: Tool['inputSchema']): string[] =>
      Object.keys(properties).map((name) => `\`${name}${required.includes(name) ? '' : '?'}\``);
    expect(rows.map(([, name, args]) => `${name} ${args}`)).to.have.members(
      tools.map(({ name, inputSchema }) => `${name} ${argumentsOf(inputSchema).join(', ')}`),
    );
  });

  it('has settings of editors that are JSON, and name this endpoint and its token', () => {
    const settings = [...page.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text]) => JSON.parse(text!));
    expect(settings).to.have.length(3);
    for (const { mcpServers, servers } of settings) {
      const { url, headers } = (mcpServers ?? servers).multilane;
      expect(url).to.equal('http://127.0.0.1:9901/mcp');
      expect(headers.Authorization).to.match(/^Bearer \$\{[\w:-]+\}$/);
    }
  });

  it('has a command of curl that calls a tool', async function () {
    needsCurl(this);
    const { url } = await mcpPlane(ALL_ROUTES);
    const command = blockOf('docs/mcp.md', 'curl -s http').replace('http://127.0.0.1:9901', url);
    const env = { ...process.env, ADMIN_TOKEN: TOKEN };
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], { env });
    expect(JSON.parse(stdout)).to.have.nested.property('result.content');
  });

  it('says how large a body may be', () => {
    expect(page).to.include(`a body of more than ${MAX_BODY_BYTES / 1024} KiB`);
  });

  it('has a row for each case of this test, and no others', () => {
    const starts = [...Object.keys(CASES), ...TESTED_ELSEWHERE];
    const about = ROWS.map(([, what]) => starts.find((start) => what!.startsWith(start)) ?? what!);
    expect(about).to.have.members(starts);
  });

  for (const [start, run] of Object.entries(CASES)) {
    it(`tells the response to: ${start}`, async () => {
      const [, , told = ''] = ROWS.find(([, what]) => what!.startsWith(start)) ?? [];
      const seen = await run(await mcpPlane(ALL_ROUTES));
      for (const { status, sign } of seen) {
        expect(told).to.match(new RegExp(`\\b${status}\\b`));
        if (sign !== undefined) expect(told).to.include(String(sign));
      }
      // Nothing is told that was not seen.
      const statuses = new Set(seen.map(({ status }) => String(status)));
      const numbers = told.match(/(?<![-\d])[1-5]\d\d(?![-\d])/g) ?? [];
      expect([...new Set(numbers)]).to.have.members([...statuses]);
    });
  }
});
