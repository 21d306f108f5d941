import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { settingsTable } from '#src/config/print.js';
import { flagOf } from '#src/config/setting-names.js';
import { SETTINGS } from '#src/config/table.js';
import { inFolder, load } from './loading.js';

const printed = async (options: Parameters<typeof load>[0]): Promise<string> => {
  const loaded = await load(options);
  if (loaded.kind === 'run') throw new Error('nothing was printed');
  return loaded.text;
};

describe('the texts that are printed instead of a start', () => {
  it('--help names every setting with its flag, variable and default', async () => {
    const help = await printed({ argv: ['--help'] });
    for (const name of Object.keys(SETTINGS))
      expect(help).to.include(`  ${flagOf(name)} VALUE   [${name}]   default: `);
    for (const flag of ['--config FILE', '--check', '--help', '--version', '<SERVICE>_DATABASE_URL']) {
      expect(help).to.include(flag);
    }
  });

  it('--help works with wrong settings', async () => {
    expect(await printed({ argv: ['--help', '--port', 'x'], env: { MULTILANE_X: '1' } })).to.match(
      /^Usage: /,
    );
  });

  it('--version prints the version of the package', async () => {
    const manifest: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await printed({ argv: ['--version'] })).to.equal(`${manifest.version}\n`);
  });

  it('--check prints every setting and its source', () =>
    inFolder({ 'multilane.config.json': '{"port":1}' }, async (cwd) => {
      const check = await printed({ cwd, argv: ['--check', '--workers', '3'], env: { ADMIN_PORT: '2' } });
      expect(check).to.match(/^PORT +1 {2}# multilane.config.json: port$/m);
      expect(check).to.match(/^WORKERS +3 {2}# --workers$/m);
      expect(check).to.match(/^ADMIN_PORT +2 {2}# ADMIN_PORT$/m);
      expect(check).to.match(/^HOST +0.0.0.0 {2}# default$/m);
      for (const name of Object.keys(SETTINGS)) expect(check).to.match(new RegExp(`^${name} `, 'm'));
    }));

  it('--check masks secrets by their form, in pairs, in URLs and in texts, and shows no fragment', async () => {
    const SECRET = 'hunter2hunter2';
    const url = encodeURIComponent(`postgres://app:${SECRET}@db/x`);
    const check = await printed({
      argv: ['--check'],
      env: {
        OTEL_SERVICE_NAME: `shop token=${SECRET}`,
        OTEL_RESOURCE_ATTRIBUTES: `db.url=${url},twice=${encodeURIComponent(url)},note=Bearer%20${SECRET},a=b%20c`,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:9/v#token=${SECRET}`,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:9/${url}/v?next=${url}&x=1`,
      },
    });
    expect(check).to.not.include('hunter2');
    expect(check).to.match(/ db\.url=\*\*\*,twice=\*\*\*,note=\*\*\*,a=b%20c /);
    expect(check)
      .to.match(/ http:\/\/127\.0\.0\.1:9\/v /)
      .and.to.include('http://127.0.0.1:9/***/v?next=***&x=1');
  });

  it('--check masks every secret', async () => {
    const SECRET = 'hunter2-hunter2-hunter2-hunter2-';
    const check = await printed({
      argv: ['--check'],
      env: {
        ADMIN_TOKEN: SECRET,
        MESH_TOKEN: SECRET,
        DATABASE_URL: `postgres://u:${SECRET}@h/d?password=${SECRET}`,
        ORDERS_DATABASE_URL: `postgres://u:${SECRET}@orders/d`,
        OTEL_EXPORTER_OTLP_HEADERS: `api-key=${SECRET}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://u:${SECRET}@collector:4318`,
      },
    });
    expect(check).to.not.include('hunter2');
    expect(check).to.include('postgres://u:***@h/d?password=***').and.to.include('api-key=***');
    expect(check).to.include('postgres://u:***@orders/d').and.to.include('http://u:***@collector:4318');
  });

  it('--check prints the socket folder of an embedded PostgreSQL', async () => {
    const argv = ['--check', '--data-dir', '/srv/shop'];
    expect(await printed({ argv })).to.match(/^embedded PostgreSQL socket +\/srv\/shop\/pg\/socket$/m);
    const env = { DATABASE_URL: 'postgres://h/d' };
    expect(await printed({ argv, env })).to.match(/^embedded PostgreSQL socket +-$/m);
  });

  it('--check prints warnings too', async () => {
    const check = await printed({ argv: ['--check'], env: { PORT: 'tcp://10.0.0.1:80' } });
    expect(check).to.match(/^warning: PORT: ignored/m);
  });

  it('docs/settings.md contains the table (npm run docs writes it)', () => {
    expect(readFileSync('docs/settings.md', 'utf8')).to.include(`\n${settingsTable()}\n`);
  });
});
