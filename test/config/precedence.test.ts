import { expect } from 'chai';
import { DEVELOPMENT_DEFAULTS } from '#src/config/development.js';
import { flagOf, keyOf } from '#src/config/setting-names.js';
import { inFolder, type LoadingOptions, running, settings } from './loading.js';

/** A value of each setting with a default of development, which is neither that nor the usual default. */
const SOME: Readonly<Record<string, string>> = {
  WORKERS: '3',
  DRAIN_MS: '77',
  REQUEST_LOG: '0.25',
  OTEL_TRACES_SAMPLER_ARG: '0.25',
};

describe('the precedence of settings', () => {
  const FILE = { 'multilane.config.json': '{ "port": 1 }' };

  it('uses the default for a setting that is not set', async () => {
    expect(await settings()).to.deep.include({ port: 8080, adminPort: 9901, workers: 4, cpuThreads: 3 });
  });

  it('prefers the configuration file to the default', () =>
    inFolder(FILE, async (cwd) => expect((await settings({ cwd })).port).to.equal(1)));

  it('prefers the bare variable to the file', () =>
    inFolder(FILE, async (cwd) => expect((await settings({ cwd, env: { PORT: '2' } })).port).to.equal(2)));

  it('prefers the variable with our prefix to the bare one', async () => {
    expect((await settings({ env: { MULTILANE_PORT: '3', PORT: '2' } })).port).to.equal(3);
  });

  it('ignores a wrong bare variable when the one with our prefix is set', async () => {
    expect((await settings({ env: { MULTILANE_HOST: '::1', HOST: 'not a host' } })).host).to.equal('::1');
  });

  it('prefers the command line to everything else', () =>
    inFolder(FILE, async (cwd) => {
      const env = { MULTILANE_PORT: '3', PORT: '2' };
      expect((await settings({ cwd, env, argv: ['--port', '4'] })).port).to.equal(4);
      expect((await settings({ cwd, env, argv: ['--port=5'] })).port).to.equal(5);
    }));

  for (const [name, text] of Object.entries(DEVELOPMENT_DEFAULTS)) {
    it(`prefers every source to the default of development, and that to the default: ${name}`, async () => {
      const valueWith = async (options: LoadingOptions): Promise<string | null> => {
        const { shown } = await running({ ...options, argv: ['--development', ...(options.argv ?? [])] });
        return shown.find((line) => line.name === name)!.value;
      };
      const key = keyOf(name);
      const least = name === 'WORKERS' ? 1 : 0;
      const file = { 'multilane.config.json': JSON.stringify({ [key]: least }) };
      expect(await valueWith({})).to.equal(text);
      expect((await running()).shown.find((line) => line.name === name)!.value).to.not.equal(text);
      await inFolder(file, async (cwd) => {
        expect(await valueWith({ cwd }), 'file').to.match(/^(0|1|off)$/);
        expect(await valueWith({ cwd, env: { [name]: SOME[name] } })).to.equal(SOME[name]);
        const env = { [name]: String(least) };
        expect(await valueWith({ cwd, env, argv: [`${flagOf(name)}=${SOME[name]}`] })).to.equal(SOME[name]);
      });
    });
  }

  it('treats an empty variable as unset', async () => {
    expect((await settings({ env: { MULTILANE_PORT: '', PORT: '2' } })).port).to.equal(2);
    expect((await settings({ env: { ADMIN_TOKEN: ' ' } })).adminToken).to.equal(undefined);
  });

  it('resolves paths from the working directory', async () => {
    expect(await settings()).to.include({ dataDir: '/nonexistent/data' });
    expect((await settings({ argv: ['--data-dir', '/var/lib/x'] })).dataDir).to.equal('/var/lib/x');
    const file = (await settings({ env: { REGISTRY_ACCEPT_TOKENS_FILE: 'tokens' } }))
      .registryAcceptTokensFile;
    expect(file).to.equal('/nonexistent/tokens');
  });

  it('selects the pretty log format on a terminal only', async () => {
    expect((await settings({ isTTY: true })).logFormat).to.equal('pretty');
    expect((await settings({ isTTY: false })).logFormat).to.equal('json');
    expect((await settings({ isTTY: true, env: { LOG_FORMAT: 'json' } })).logFormat).to.equal('json');
  });

  it('produces plain data, which workers receive unchanged', async () => {
    const own = await settings({ env: { OTEL_RESOURCE_ATTRIBUTES: 'a=b' } });
    expect(structuredClone(own)).to.deep.equal(own);
  });

  it("ignores Kubernetes' link to a Service in a bare variable, with a warning", async () => {
    const { settings: own, warnings } = await running({ env: { ADMIN_PORT: 'tcp://10.0.0.1:80' } });
    expect(own.adminPort).to.equal(9901);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^ADMIN_PORT: ignored, "tcp:\/\/10\.0\.0\.1:80"/);
  });

  it('shows no secret of a value that is ignored or refused', async () => {
    const secret = 'hunter2hunter2';
    const { warnings } = await running({ env: { PORT: `tcp://ada:${secret}@db.example:1` } });
    expect(warnings[0])
      .to.match(/^PORT: ignored/)
      .and.not.contain(secret);
    const refused = await settings({ env: { RATE_LIMIT: `token=${secret}` } }).catch((error: Error) => error);
    expect(refused)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/^RATE_LIMIT: /)
      .and.not.contain(secret);
  });

  describe('the databases of single services', () => {
    it("are set by the service's name in upper case", () =>
      inFolder(
        { 'multilane.config.mjs': `export default { services: [{ name: 'stock-keeper' }] }` },
        async (cwd) => {
          const env = { MULTILANE_STOCK_KEEPER_DATABASE_URL: 'postgres://a/b' };
          expect((await settings({ cwd, env })).serviceDatabaseUrls).to.deep.equal({
            'stock-keeper': 'postgres://a/b',
          });
        },
      ));

    it('do not use bare variables of services that are not declared', async () => {
      expect((await settings({ env: { TEST_DATABASE_URL: 'mysql://x' } })).serviceDatabaseUrls).to.deep.equal(
        {},
      );
    });
  });
});
