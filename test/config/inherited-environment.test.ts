import { expect } from 'chai';
import { inheritedEnvironment } from '#src/config/inherited-environment.js';

describe('the environment for a started process', () => {
  it('excludes settings by both names, and the variables of process managers', () => {
    const kept = { PATH: '/bin', HOME: '/root', NODE_OPTIONS: '--no-warnings', API_KEY: 'k' };
    const settings = {
      PORT: '80',
      MULTILANE_PORT: '80',
      MULTILANE_UNKNOWN: '',
      DATABASE_URL: 'postgres://db.example/postgres',
      ORDERS_DATABASE_URL: 'postgres://db.example/postgres',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example',
      pm_id: '0',
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '1',
    };
    expect(inheritedEnvironment({ ...kept, ...settings, UNSET: undefined })).to.deep.equal(kept);
  });
});
