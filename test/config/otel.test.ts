import { expect } from 'chai';
import type { Settings } from '#src/config.js';
import { inFolder, refusal, running, settings } from './loading.js';

const otel = async (env: Record<string, string>): Promise<Settings['otel']> => (await settings({ env })).otel;

describe('the settings OTEL_*', () => {
  it('export nothing and sample one trace in a hundred by default', async () => {
    expect(await otel({})).to.deep.equal({
      disabled: false,
      serviceName: 'multilane',
      endpoint: undefined,
      headers: {},
      sampler: 'parentbased_traceidratio',
      samplerArg: 0.01,
      resourceAttributes: {},
    });
  });

  it('append the signal path to the common endpoint', async () => {
    const endpoints = ['http://c:4318', 'http://c:4318/', 'http://c:4318/otlp', 'http://c:4318/otlp/?a=b'];
    const found = await Promise.all(
      endpoints.map(async (endpoint) => (await otel({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).endpoint),
    );
    expect(found).to.deep.equal([
      'http://c:4318/v1/traces',
      'http://c:4318/v1/traces',
      'http://c:4318/otlp/v1/traces',
      'http://c:4318/otlp/v1/traces?a=b',
    ]);
  });

  it('use the endpoint and headers of traces unchanged and before the common ones', async () => {
    const found = await otel({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/here',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'api-key=x%20y, b = 2 ',
    });
    expect(found).to.deep.include({ endpoint: 'https://t/here', headers: { 'api-key': 'x y', b: '2' } });
  });

  it('export traces where there is an address, unless their exporter is none', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };
    expect(await otel(env)).to.deep.include({ endpoint: 'http://c:4318/v1/traces' });
    expect((await otel({ ...env, OTEL_TRACES_EXPORTER: 'none' })).endpoint).to.equal(undefined);
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/here', OTEL_TRACES_EXPORTER: 'none' };
    expect((await otel({ ...env, ...own })).endpoint).to.equal(undefined);
  });

  it('export metrics and logs only when they name an exporter and an address', async () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_EXPORTER_OTLP_HEADERS: 'a=1' };
    for (const env of [endpoint, { OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp' }]) {
      expect(await otel(env)).to.not.have.any.keys('metrics', 'logs');
    }
    const both = { ...endpoint, OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: ' OTLP , otlp' };
    const common = { headers: { a: '1' }, protocol: 'http/json' };
    expect(await otel(both)).to.deep.include({
      metrics: { ...common, endpoint: 'http://c:4318/v1/metrics', intervalMs: 60_000 },
      logs: { ...common, endpoint: 'http://c:4318/v1/logs' },
    });
    const own = {
      ...both,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://m/here',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=2',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
    };
    expect(await otel(own)).to.deep.include({
      metrics: {
        headers: { a: '1' },
        protocol: 'http/protobuf',
        endpoint: 'https://m/here',
        intervalMs: 1_000,
      },
      logs: { headers: { b: '2' }, protocol: 'http/protobuf', endpoint: 'http://c:4318/v1/logs' },
    });
    expect(await otel({ ...both, OTEL_SDK_DISABLED: 'true' })).to.not.have.any.keys('metrics', 'logs');
    for (const wrong of ['console', 'otlp,none', 'otlp,prometheus', ',']) {
      expect(await otel({ ...endpoint, OTEL_METRICS_EXPORTER: wrong }), wrong).to.not.have.any.keys(
        'metrics',
      );
    }
  });

  it('warn when a signal is to be exported and has no address', async () => {
    const env = { OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'none' };
    const { warnings } = await running({ env });
    expect(warnings).to.deep.equal([
      'OTEL_METRICS_EXPORTER is otlp, but there is no address; metrics are not exported; ' +
        'set OTEL_EXPORTER_OTLP_ENDPOINT',
    ]);
    const address = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318/m' };
    expect((await running({ env: { ...env, ...address } })).warnings).to.deep.equal([]);
  });

  it('prefer OTEL_SERVICE_NAME to the attribute service.name', async () => {
    const env = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=shop,deployment.environment.name=test' };
    expect((await otel(env)).serviceName).to.equal('shop');
    expect((await otel({ ...env, OTEL_SERVICE_NAME: 'till' })).serviceName).to.equal('till');
    expect((await otel(env)).resourceAttributes).to.have.property('deployment.environment.name', 'test');
  });

  it('sample every trace when a ratio sampler has no argument', async () => {
    const found = await otel({ OTEL_TRACES_SAMPLER: 'traceidratio' });
    expect(found).to.include({ sampler: 'traceidratio', samplerArg: 1 });
  });

  it('use the argument of a ratio sampler', async () => {
    expect((await otel({ OTEL_TRACES_SAMPLER_ARG: '.25' })).samplerArg).to.equal(0.25);
  });

  it('can switch tracing off', async () => {
    expect((await otel({ OTEL_SDK_DISABLED: 'TRUE' })).disabled).to.equal(true);
  });

  for (const [name, value] of [
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_SDK_DISABLED', 'yes'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'c:4318'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret'],
  ] as const) {
    it(`ignore a wrong ${name} with a warning`, async () => {
      const { settings: own, warnings } = await running({ env: { [name]: value } });
      expect(own.otel).to.deep.equal(await otel({}));
      expect(warnings).to.have.length(1);
      expect(warnings[0])
        .to.match(new RegExp(`^${name}: .*; ignored, as if it were not set$`))
        .and.to.not.include('secret');
    });
  }

  it('refuse wrong values with our own prefix or in our file', async () => {
    expect(await refusal({ argv: ['--otel-traces-sampler', 'x'] })).to.match(/^78 --otel-traces-sampler: /);
    await inFolder({ 'multilane.config.json': '{"otelTracesSampler":"x"}' }, async (cwd) => {
      expect(await refusal({ cwd })).to.match(/multilane.config.json:1: otelTracesSampler: /);
    });
  });
});
