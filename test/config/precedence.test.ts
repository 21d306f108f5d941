import { expect } from 'chai';
import { inFolder, running, settings } from './loading.js';

describe('the order in which settings are looked up', () => {
  const FILE = { 'multilane.config.json': '{ "port": 1 }' };

  it('takes the default when nobody says anything', async () => {
    expect(await settings()).to.deep.include({ port: 8080, adminPort: 9901, workers: 4, cpuThreads: 3 });
  });

  it('takes the configuration file before the default', () =>
    inFolder(FILE, async (cwd) => expect((await settings({ cwd })).port).to.equal(1)));

  it('takes the bare variable before the file', () =>
    inFolder(FILE, async (cwd) => expect((await settings({ cwd, env: { PORT: '2' } })).port).to.equal(2)));

  it('takes the variable with our prefix before the bare one', async () => {
    expect((await settings({ env: { MULTILANE_PORT: '3', PORT: '2' } })).port).to.equal(3);
  });

  it('does not even look at the bare variable then', async () => {
    expect((await settings({ env: { MULTILANE_HOST: '::1', HOST: 'not a host' } })).host).to.equal('::1');
  });

  it('takes the command line before everything', () =>
    inFolder(FILE, async (cwd) => {
      const env = { MULTILANE_PORT: '3', PORT: '2' };
      expect((await settings({ cwd, env, argv: ['--port', '4'] })).port).to.equal(4);
      expect((await settings({ cwd, env, argv: ['--port=5'] })).port).to.equal(5);
    }));

  it('takes an empty variable for an unset one', async () => {
    expect((await settings({ env: { MULTILANE_PORT: '', PORT: '2' } })).port).to.equal(2);
    expect((await settings({ env: { ADMIN_TOKEN: ' ' } })).adminToken).to.equal(undefined);
  });

  it('makes paths absolute from the working directory', async () => {
    expect(await settings()).to.include({ dataDir: '/nonexistent/data' });
    expect((await settings({ argv: ['--data-dir', '/var/lib/x'] })).dataDir).to.equal('/var/lib/x');
    const file = (await settings({ env: { REGISTRY_ACCEPT_TOKENS_FILE: 'tokens' } }))
      .registryAcceptTokensFile;
    expect(file).to.equal('/nonexistent/tokens');
  });

  it('writes logs for people on a terminal only', async () => {
    expect((await settings({ isTTY: true })).logFormat).to.equal('pretty');
    expect((await settings({ isTTY: false })).logFormat).to.equal('json');
    expect((await settings({ isTTY: true, env: { LOG_FORMAT: 'json' } })).logFormat).to.equal('json');
  });

  it('gives plain data, which a worker gets unchanged', async () => {
    const own = await settings({ env: { OTEL_RESOURCE_ATTRIBUTES: 'a=b' } });
    expect(structuredClone(own)).to.deep.equal(own);
  });

  it('ignores the link to a Service of Kubernetes in a bare variable, with a warning', async () => {
    const { settings: own, warnings } = await running({ env: { ADMIN_PORT: 'tcp://10.0.0.1:80' } });
    expect(own.adminPort).to.equal(9901);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^ADMIN_PORT: ignored, "tcp:\/\/10\.0\.0\.1:80"/);
  });

  it('shows no secret of a value that it ignores or refuses', async () => {
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

  describe('databases of single services', () => {
    it('are found by the name in upper case', () =>
      inFolder(
        { 'multilane.config.mjs': `export default { services: [{ name: 'stock-keeper' }] }` },
        async (cwd) => {
          const env = { MULTILANE_STOCK_KEEPER_DATABASE_URL: 'postgres://a/b' };
          expect((await settings({ cwd, env })).serviceDatabaseUrls).to.deep.equal({
            'stock-keeper': 'postgres://a/b',
          });
        },
      ));

    it('do not concern bare variables of services that are not declared', async () => {
      expect((await settings({ env: { TEST_DATABASE_URL: 'mysql://x' } })).serviceDatabaseUrls).to.deep.equal(
        {},
      );
    });
  });
});
