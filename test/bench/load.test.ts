import { expect } from 'chai';
import { autocannon, flags as autocannonFlags, parse as parseAutocannon } from '#bench/load/autocannon.js';
import { toolFacts } from '#bench/load/choose.js';
import type { LoadRequest } from '#bench/load/load.js';
import { echoOf, maskedText } from '#bench/load/own/frames.js';
import { parse as parseWrk, flags as wrkFlags, wrkVersion } from '#bench/load/wrk.js';
import { fieldsOf } from '#bench/shapes/fields.js';
import { shapeNamed } from '#bench/shapes/shapes.js';

const WRK = `Running 1s test @ http://127.0.0.1:1/json
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.69ms    5.90ms  46.97ms   94.75%
    Req/Sec    18.27k     6.69k   26.99k    50.00%
  Latency Distribution
     50%  180.00us
     75%  268.00us
     90%    2.11ms
     99%    1.50s
  18454 requests in 1.02s, 1.71MB read
  Socket errors: connect 1, read 18400, write 2, timeout 3
  Non-2xx or 3xx responses: 54
Requests/sec:  18024.25
Transfer/sec:      1.67MB
`;

const request = (shape: string): LoadRequest => ({
  url: 'http://127.0.0.1:1',
  shape: shapeNamed(shape),
  fields: { 'X-A': 'b: c' },
  connections: 8,
  seconds: 2,
  signal: new AbortController().signal,
  window: { begin: () => undefined, end: () => undefined },
});

describe('the report of wrk', () => {
  it('is read with its units, and errors are no completed requests', () => {
    expect(parseWrk(WRK)).to.deep.equal({
      completed: 18_400,
      failed: 54 + 1 + 18_400 + 2 + 3,
      perSecond: 18_024.25,
      p50Ms: 0.18,
      p99Ms: 1500,
    });
  });

  it('counts the end of a connection that ends with its response as no failure', () => {
    expect(parseWrk(WRK, true).failed).to.equal(54 + 1 + 2 + 3);
  });

  it('is refused when it is none', () => {
    expect(() => parseWrk('unable to connect to 127.0.0.1:1')).to.throw('wrk: ');
  });
});

describe('the arguments of the load tools', () => {
  it('give wrk the method, the requests at once and the file of the body', () => {
    expect(wrkFlags(request('json'), undefined).slice(-4)).to.deep.equal([
      'http://127.0.0.1:1/json',
      '--',
      'GET',
      '1',
    ]);
    expect(wrkFlags(request('pipelined'), undefined).slice(-2)).to.deep.equal(['GET', '16']);
    expect(wrkFlags(request('echo'), '/b').slice(-3)).to.deep.equal(['POST', '1', '/b']);
    expect(wrkFlags(request('json'), undefined)).to.include('X-A: b: c');
  });

  it('give autocannon the same', () => {
    expect(autocannonFlags(request('json'))).to.include('X-A=b: c');
    expect(autocannonFlags(request('echo'))).to.include.members(['POST', 'Content-Type=application/json']);
    expect(autocannonFlags(request('pipelined'))).to.include('16');
  });

  it('contain a dozen fields of a browser, or none beside Host', () => {
    expect(fieldsOf('bare')).to.deep.equal({});
    expect(Object.keys(fieldsOf('browser')).length).to.be.at.least(12);
    expect(fieldsOf('browser', { Connection: 'close' })).to.include({ Connection: 'close' });
  });
});

describe('the report of autocannon', () => {
  it('counts other statuses and errors as failed', () => {
    const report = {
      '2xx': 90,
      non2xx: 7,
      errors: 3,
      requests: { average: 45.5 },
      latency: { p50: 1, p99: 9 },
    };
    const expected = { completed: 90, failed: 10, perSecond: 45.5, p50Ms: 1, p99Ms: 9 };
    expect(parseAutocannon(JSON.stringify(report))).to.deep.equal(expected);
  });
});

describe('the frames of the WebSocket client', () => {
  it('mask the text of the client', () => {
    const frame = maskedText('Hi');
    expect([...frame.subarray(0, 2)]).to.deep.equal([0x81, 0x82]);
    expect(frame.subarray(6).map((byte, index) => byte ^ frame[2 + index]!)).to.deep.equal(Buffer.from('Hi'));
    expect(() => maskedText('x'.repeat(126))).to.throw(RangeError);
  });

  it('are complete only with their last byte', () => {
    const echo = Buffer.from([0x81, 0x02, 0x48, 0x69, 0x89, 0x00]);
    for (const length of [0, 1, 2, 3]) expect(echoOf(echo.subarray(0, length))).to.equal(undefined);
    expect(echoOf(echo)).to.deep.equal({ length: 4, isText: true });
    expect(echoOf(echo.subarray(4)), 'a ping').to.deep.equal({ length: 2, isText: false });
  });
});

describe('the version of a load tool', () => {
  it('is what it prints, or that of its package', () => {
    expect(wrkVersion('wrk 4.2.0 [epoll] Copyright (C) 2012 Will Glozer\n')).to.equal('4.2.0');
    expect(wrkVersion('wrk debian/4.1.0-4+b1 [epoll] Copyright\nUsage: wrk')).to.equal('debian/4.1.0-4+b1');
    expect(wrkVersion('sh: 1: no wrk')).to.equal(undefined);
    expect(toolFacts(autocannon).toolVersion).to.match(/^\d+\.\d+\.\d+$/);
  });

  it('is null when it is unknown', () => {
    const run = () => Promise.reject(new Error('not run'));
    expect(toolFacts({ name: 'x', run })).to.deep.equal({ tool: 'x', toolVersion: null });
  });
});
