// The protocol of `POST /mcp` (https://modelcontextprotocol.io/specification/2025-06-18/basic/transports).
import { expect } from 'chai';
import { closePlanes } from '../admin-fixture.js';
import { ALL_ROUTES, type McpPlane, mcpPlane, TOKEN } from './mcp-fixture.js';

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

describe('POST /mcp', () => {
  let mcp: McpPlane;
  before(async () => {
    mcp = await mcpPlane(ALL_ROUTES);
  });
  after(closePlanes);

  it('is initialized with its one revision, whatever the client wants, and keeps no session', async () => {
    for (const protocolVersion of ['2025-06-18', '2024-11-05', '2099-01-01']) {
      const body = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } };
      const { status, result, headers } = await mcp.post(body, { 'mcp-protocol-version': protocolVersion });
      expect(status).to.equal(200);
      expect(result).to.deep.include({ protocolVersion: '2025-06-18', capabilities: { tools: {} } });
      expect(result!.serverInfo).to.deep.equal({ name: 'multilane', title: 'Multilane', version: '1.2.3' });
      expect(headers.get('mcp-session-id')).to.equal(null);
      expect(headers.get('content-type')).to.match(/^application\/json/);
    }
    expect((await mcp.post({ ...INITIALIZE, params: {} })).error).to.include({ code: -32_602 });
  });

  it('acknowledges notifications and responses with 202 and no body', async () => {
    const oneWay = [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
      { jsonrpc: '2.0', id: 4, result: {} },
    ];
    for (const body of oneWay) expect(await mcp.post(body)).to.include({ status: 202, text: '' });
  });

  it('responds to ping, with the id of the request', async () => {
    for (const id of [1, 'a', 0, '']) {
      const { text } = await mcp.post({ jsonrpc: '2.0', id, method: 'ping' });
      expect(JSON.parse(text)).to.deep.equal({ jsonrpc: '2.0', id, result: {} });
    }
  });

  it('refuses batches and what is no message of JSON-RPC', async () => {
    const bodies = [[], [INITIALIZE], {}, null, 7, 'text', { ...INITIALIZE, jsonrpc: '1.0' }];
    const faulty = [{ method: 7 }, { id: null }, { id: 1.5 }, { id: {} }, { params: [] }];
    for (const body of [...bodies, ...faulty.map((part) => ({ ...INITIALIZE, ...part }))]) {
      const { status, error } = await mcp.post(JSON.stringify(body));
      expect({ status, code: error?.code }, JSON.stringify(body)).to.deep.equal({
        status: 400,
        code: -32_600,
      });
    }
    const { status, text } = await mcp.post('{"jsonrpc"');
    expect([status, JSON.parse(text).code], 'what is no JSON').to.deep.equal([400, 'MALFORMED_BODY']);
  });

  it('refuses unknown methods, also those that every object has', async () => {
    for (const method of ['resources/list', 'tools/delete', 'toString', '__proto__']) {
      const { status, error } = await mcp.request(method);
      expect({ status, code: error?.code }).to.deep.equal({ status: 200, code: -32_601 });
    }
  });

  it('refuses other revisions in MCP-Protocol-Version, and admits clients that do not send it', async () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const other = await mcp.post(ping, { 'mcp-protocol-version': '2024-11-05' });
    expect(other.status).to.equal(400);
    expect(other.error!.message).to.include('2025-06-18');
    const response = await fetch(`${mcp.url}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(ping),
    });
    expect(response.status).to.equal(200);
  });

  it('refuses clients that do not accept JSON', async () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect((await mcp.post(ping, { accept: 'text/event-stream' })).status).to.equal(406);
    expect((await mcp.post(ping, { accept: 'application/json;q=0, */*' })).status).to.equal(406);
    expect((await mcp.post(ping, { accept: '*/*' })).status).to.equal(200);
  });

  it('has no other method, and needs the token and an own origin', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const response = await fetch(`${mcp.url}/mcp`, { method, headers });
      expect(response.status).to.equal(405);
      expect(response.headers.get('allow')).to.equal('POST');
    }
    const body = JSON.stringify(INITIALIZE);
    expect((await fetch(`${mcp.url}/mcp`, { method: 'POST', body })).status).to.equal(401);
    const foreign = { ...headers, origin: 'https://evil.example' };
    expect((await fetch(`${mcp.url}/mcp`, { method: 'POST', body, headers: foreign })).status).to.equal(403);
  });

  it('lists tools that are read-only, with schemas that name each argument', async () => {
    const { result } = await mcp.request('tools/list');
    const tools = result!.tools as {
      readonly name: string;
      readonly inputSchema: {
        readonly type: string;
        readonly properties: Record<string, { description?: string }>;
      };
      readonly annotations: { readonly readOnlyHint: boolean };
    }[];
    expect(tools.length).to.be.above(15);
    for (const { name, inputSchema, annotations } of tools) {
      expect(name).to.match(/^[a-z]+(_[a-z]+)*$/);
      expect(annotations.readOnlyHint).to.equal(true);
      expect(inputSchema).to.include({ type: 'object', additionalProperties: false });
      for (const [argument, { description = '' }] of Object.entries(inputSchema.properties)) {
        if (argument !== 'include') expect(description, `${name} ${argument}`).to.not.equal('');
      }
    }
    expect((await mcp.request('tools/list', { cursor: 'x' })).error).to.include({ code: -32_602 });
  });

  it('offers only tools whose routes the plane has', async () => {
    const small = await mcpPlane(
      ALL_ROUTES.filter(({ path }) => path === '/workers' || path === '/overview'),
    );
    const { result } = await small.request('tools/list');
    const names = (result!.tools as { name: string }[]).map(({ name }) => name);
    expect(names).to.have.members(['overview', 'list_problems', 'list_workers', 'explain_stall']);
    expect((await small.tool('explain_stall')).note).to.include('for 4200 ms; now it is in GET /report');
  });

  it('counts calls by tool, and all unknown names together', async () => {
    const counting = await mcpPlane(ALL_ROUTES);
    await counting.tool('list_workers');
    await counting.tool('list_workers');
    for (const name of ['x', 'toString', 7, undefined]) {
      const { error } = await counting.request('tools/call', { name });
      expect(error).to.include({ code: -32_602 });
    }
    expect(counting.counts.get('multilane_mcp_calls_total list_workers')).to.equal(2);
    expect(counting.counts.get('multilane_mcp_calls_total _other')).to.equal(4);
    expect(counting.counts.get('multilane_mcp_calls_total overview')).to.equal(0);
  });
});
